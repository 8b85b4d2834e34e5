"""What was chosen for a promotion, as JSON, to be done later: ids, names, and secrets that were written."""

from typing import Any

from apis.models import ApiInstance
from apis.promotions.choices import Choices
from console.models import Environment
from gateways.models import Gateway

Kept = dict[str, Any]
_AS_THEY_ARE = ("protocol", "port", "base_path", "tls_context", "label", "consumer_endpoint", "keeps_secrets")
_BY_NAME = ("uris", "contexts", "hosts", "shared")
_LATER = ("sent_to",)
"""By name too; plans of the release before lack it."""


def plain(choices: Choices) -> Kept:
    """Of counterpart and gateway their ids."""
    return {
        **{name: getattr(choices, name) for name in _AS_THEY_ARE},
        **{name: dict(getattr(choices, name)) for name in (*_BY_NAME, *_LATER)},
        "secrets": {policy: dict(values) for policy, values in choices.secrets.items()},
        "counterpart": choices.counterpart.pk if choices.counterpart else None,
        "gateway": str(choices.gateway.pk) if choices.gateway else "",
        "parts": sorted(choices.parts),
    }


def chosen(environment: Environment, counterpart: ApiInstance | None, told: Kept) -> Choices:
    """The same again. A gateway that is gone meanwhile is none."""
    usable = environment.gateways.filter(is_revoked=False)
    gateway: Gateway | None = usable.filter(pk=told["gateway"]).first() if told["gateway"] else None
    given: dict[str, Any] = {name: told[name] for name in (*_AS_THEY_ARE, *_BY_NAME, "secrets")}
    given |= {name: told[name] for name in _LATER if name in told}
    return Choices(environment, counterpart, gateway, **given, parts=frozenset(told["parts"]))
