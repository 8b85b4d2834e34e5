"""Mutes findings of an API, with a reason, and tells them again. Nothing of it is deployed."""

from django.core.exceptions import ValidationError
from django.db import transaction

from apis.changes import bookkeeping
from apis.lint.codes import KINDS
from apis.lint.findings import findings
from apis.models import ApiInstance
from apis.muted_finding import MOST_REASON, MutedFinding
from console.models import AuditEntry, User

MOST_MUTED = 500
NOT_FOUND = "Nothing of that kind is found there any more."


@transaction.atomic
def mute_finding(actor: User, api: ApiInstance, code: str, place: str, reason: str) -> MutedFinding:
    """Muted again, the reason changes. Raises ValidationError where nothing is found there."""
    bookkeeping.lock(api=api)
    errors: dict[str, list[str]] = {}
    if code not in KINDS:
        errors["code"] = [f'"{code[:60]}" is not a code of the linter.']
    reason = " ".join(reason.split())
    if not 1 <= len(reason) <= MOST_REASON:
        errors["reason"] = [f"Say why, in at most {MOST_REASON} characters: whoever reads on later will ask."]
    if errors:
        raise ValidationError(errors)
    found = findings(api)
    same = [one for one in (*found.told, *found.muted) if (one.code, one.place.id) == (code, place)]
    if not same:
        raise ValidationError({"place": [NOT_FOUND]})
    if not same[0].muted and api.muted_findings.count() >= MOST_MUTED:
        raise ValidationError({"": [f"{MOST_MUTED} findings of this API are muted; tell some again first."]})
    before = {"reason": same[0].muted.reason} if same[0].muted else None
    values = {"reason": reason, "by": actor}
    made, is_new = MutedFinding.objects.update_or_create(api=api, code=code, place=place, defaults=values)
    after = {"reason": reason} | ({"finding": same[0].message} if is_new else {})
    action = AuditEntry.Action.CREATE if is_new else AuditEntry.Action.UPDATE
    bookkeeping.record(actor, action, api, target=made, before=before, after=after)
    return made


@transaction.atomic
def unmute_finding(actor: User, muted: MutedFinding) -> None:
    bookkeeping.lock(api=muted.api)
    before = {"reason": muted.reason, "place": muted.place}
    bookkeeping.record(actor, AuditEntry.Action.DELETE, muted.api, target=muted, before=before)
    muted.delete()
