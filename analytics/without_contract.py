"""Why a gateway knew no contract of a caller: that one waits, was rejected or revoked only the console knows,
and the reason of a refusal has no more of a client id than its beginning.
"""

import re
from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Q

from analytics.models import Sample
from apis.contracts.models import Application, Contract
from apis.models import ApiInstance
from console.models import User
from console.permissions import Permission

_REASON = re.compile(r"(?:client|key): (\S{4})\.\.\. has no contract with this API")
_WORDS = {
    Contract.Status.PENDING: "waits for approval",
    Contract.Status.REJECTED: "was rejected",
    Contract.Status.REVOKED: "is revoked",
    Contract.Status.APPROVED: "is approved now",
}


def tell(user: User, api: ApiInstance, samples: Iterable[Sample]) -> None:
    """Adds to the reasons of these requests to the API whose client id begins so, and how its contract stands
    today; for who may see that. Nothing of it is saved.
    """
    samples = list(samples)
    words = _told(user, api, samples)
    for one in samples:
        if one.reason in words:
            one.reason += f": {words[one.reason]}"


def _told(user: User, api: ApiInstance, samples: Iterable[Sample]) -> dict[str, str]:
    """By the reason."""
    starts = {one.reason: found[1] for one in samples if (found := _REASON.match(one.reason))}
    held = user.held().on_api(api.pk, api.environment_id, api.environment.organization.path)
    if not starts or Permission.VIEW_CONTRACTS not in held:
        return {}
    theirs, others = Q(), Q(pk__in=Application.objects.visible_to(user).values("pk"))
    for start in {*starts.values()}:
        theirs |= Q(client_id__startswith=start)
    known = Application.objects.filter(theirs).filter(others | Q(contracts__api=api)).distinct()
    asked = Contract.objects.filter(api=api, application__in=known).values_list("application", "status")
    statuses = dict(asked.order_by())
    by_start: dict[str, list[Application]] = defaultdict(list)
    for one in known:
        by_start[one.client_id[:4]].append(one)
    return {reason: _words(by_start[start], statuses) for reason, start in starts.items()}


def _words(known: list[Application], statuses: dict[int, str]) -> str:
    """Of several that begin alike, of those that have asked for access to the API."""
    found = [one for one in known if one.pk in statuses] or known
    if not found:
        return "no application here has a client id that begins so"
    if len(found) > 1:
        return f"{len(found)} applications have client ids that begin so"
    (one,) = found
    if one.pk not in statuses:
        return f"probably {one}, which has not asked for access"
    return f"probably {one}, whose contract {_WORDS[Contract.Status(statuses[one.pk])]}"
