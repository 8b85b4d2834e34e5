"""What the second of two editors is shown: who was first, and how theirs differs from what is saved now."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import models

from console import audit
from console.forms.differences import Difference, differences
from console.forms.schema_form import Field
from console.models import AuditEntry, Environment


@dataclass(frozen=True)
class Conflict:
    """`entry` is the change that was first, where the audit knows it."""

    entry: AuditEntry | None
    rows: list[Difference]


def conflict(
    target: models.Model, mine: Iterable[Field], saved: Iterable[Field], environment: Environment
) -> Conflict:
    """TLS contexts, which fields hold by their keys, are called by their names."""
    contexts = {str(pk): name for pk, name in environment.tls_contexts.values_list("pk", "name")}
    return of_rows(target, differences(mine, saved, contexts))


def of_rows(target: models.Model, rows: list[Difference]) -> Conflict:
    return Conflict(audit.history(target).first(), rows)
