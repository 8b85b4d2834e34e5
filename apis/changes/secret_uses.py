"""Who uses a secret: TLS contexts that refer to a store, and APIs by them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError

from apis.changes import bookkeeping
from apis.secret_groups.models import Secret
from console.models import Environment


@dataclass(frozen=True)
class Use:
    """`what` uses it, `of` an API or a TLS context; `address` is its page."""

    what: str
    of: str
    address: str


def of(secret: Secret, most: int = 100) -> list[Use]:
    """Some of those that use it."""
    served = [
        Use("to serve with", f"TLS context {one}", one.get_absolute_url())
        for one in secret.serving.all()[:most]
    ]
    trusted = [
        Use("to trust by", f"TLS context {one}", one.get_absolute_url())
        for one in secret.trusting.all()[:most]
    ]
    return [*served, *trusted]


def counts(environment: Environment, secrets: Iterable[Any]) -> dict[UUID, int]:
    """How many use each of these, which have `serving_count` and `trusting_count`."""
    return {one.pk: one.serving_count + one.trusting_count for one in secrets}


def users(secret: Secret, most: int = 50) -> list[str]:
    """In words, some of them."""
    return list(dict.fromkeys(use.of for use in of(secret, most)))


def refuse_while_used(secret: Secret) -> None:
    if found := users(secret, 4):
        message = (
            f"{secret.get_kind_display()} {secret} is used by {_named(found)}; give them another one first."
        )
        raise ValidationError({"": [ValidationError(message, code="conflict")]})


def refuse_while_named(secret: Secret, remedy: str) -> None:
    """Of what refers to it by its name."""


def _named(found: list[str]) -> str:
    return ", ".join(found[:3]) + (" and others" if len(found) > 3 else "")


def lock_users(environment: Environment) -> None:
    """Let no API begin or cease to use a secret of the environment."""
    bookkeeping.lock(*environment.gateways.all())
