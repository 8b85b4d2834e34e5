"""The terms of an environment or an API are written: each time a new version, for requests from then on.

Atomic and audited; raises ValidationError with `{field: [messages]}`, and Changed.
"""

from django.core.exceptions import ValidationError
from django.db import transaction

from apis.changes import bookkeeping
from apis.contracts.terms import Terms
from apis.models import ApiInstance
from console import audit
from console.models import AuditEntry, Environment, User
from console.versions import check

Action = AuditEntry.Action
MOST_VERSIONS = 1000


@transaction.atomic
def of_api(actor: User, api: ApiInstance, text: str, *, seen: str = "") -> Terms | None:
    """Contracts that there are stay on the version that was agreed to. Empty: those of the environment hold.
    The same text makes no version.
    """
    bookkeeping.lock(api=api)
    before = Terms.objects.newest_of(api=api)
    if (made := _next(actor, before, text, seen, Terms(api=api))) is None:
        return before
    bookkeeping.record(actor, Action.UPDATE, api, before=_facts(before), after=_facts(made))
    return made


@transaction.atomic
def of_environment(actor: User, environment: Environment, text: str, *, seen: str = "") -> Terms | None:
    """The same for all of its APIs without terms of their own."""
    environment.lock()
    before = Terms.objects.newest_of(environment=environment)
    if (made := _next(actor, before, text, seen, Terms(environment=environment))) is None:
        return before
    audit.record(
        actor,
        Action.UPDATE,
        environment,
        organization=environment.organization,
        environment=environment,
        before=_facts(before),
        after=_facts(made),
    )
    return made


def seen_version(terms: Terms | None) -> str:
    return str(terms.version if terms else 0)


def _next(actor: User, before: Terms | None, text: str, seen: str, made: Terms) -> Terms | None:
    """None where nothing changes."""
    check(seen, seen_version(before))
    text = text.replace("\r\n", "\n").strip()
    if text == (before.text if before else ""):
        return None
    if len(text) > Terms.LONGEST:
        raise ValidationError({"text": [f"The terms are longer than {Terms.LONGEST:,} characters."]})
    if any(not one.isprintable() and one not in "\n\t" for one in text):
        raise ValidationError({"text": ["The terms have characters that cannot be shown."]})
    made.version = before.version + 1 if before else 1
    if made.version > MOST_VERSIONS:
        raise ValidationError({"text": [f"There are {MOST_VERSIONS:,} versions; no more can be made."]})
    made.text, made.created_by = text, actor
    made.save()
    return made


def _facts(terms: Terms | None) -> dict[str, str]:
    """A long text is told by its beginning."""
    if terms is None or not terms.text:
        return {"terms": ""}
    return {"terms": f"version {terms.version}: {terms.text[:300]}"}
