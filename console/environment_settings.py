"""What administrators decide of an environment: how changes that are saved of its APIs are deployed."""

from typing import Any

from django.db import transaction

from console import audit
from console.granting import require_administrator
from console.models import AuditEntry, Environment, User
from console.versions import check, version


@transaction.atomic
def set_deploys(
    actor: User, environment: Environment, deploys: str, failing_tests_stop: bool, *, seen: str = ""
) -> None:
    """From now on; what is pending stays so. Audited.

    Raises Changed where it is not as it was `seen`, PermissionDenied for who does not administer it, and
    ValidationError with `{field: [messages]}`.
    """
    require_administrator(actor, environment.organization)
    environment.lock()
    environment.refresh_from_db(fields=["deploys", "failing_tests_stop"])
    check(seen, deploys_version(environment))
    before = _facts(environment)
    environment.deploys, environment.failing_tests_stop = deploys, failing_tests_stop
    environment.full_clean()
    environment.save(update_fields=["deploys", "failing_tests_stop"])
    audit.record(
        actor,
        AuditEntry.Action.UPDATE,
        environment,
        organization=environment.organization,
        environment=environment,
        before=before,
        after=_facts(environment),
    )


def deploys_version(environment: Environment) -> str:
    return version(_facts(environment))


def _facts(environment: Environment) -> dict[str, Any]:
    return {"deploys": environment.deploys, "failing_tests_stop": environment.failing_tests_stop}
