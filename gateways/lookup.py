"""The gateway that somebody names, in the environment where it is named."""

from uuid import UUID

from django.core.exceptions import ValidationError

from console.models import Environment
from gateways.models import Gateway

NOT_HERE = "That gateway is not in this environment; choose one from the list."


def find(environment: Environment, key: UUID | str) -> Gateway | None:
    """The gateway of this id; None where the environment has none, or the text is no id. Revoked ones too."""
    try:
        id_ = key if isinstance(key, UUID) else UUID(key)
    except ValueError:
        return None
    found = Gateway.objects.filter(environment=environment, pk=id_).first()
    if found is not None:
        found.environment = environment
    return found


def chosen(environment: Environment, key: str) -> Gateway | None:
    """The same as a form sends it: nothing is none. Raises ValidationError for what is not there."""
    if not key:
        return None
    if (found := find(environment, key)) is None:
        raise ValidationError({"gateway": [NOT_HERE]})
    return found
