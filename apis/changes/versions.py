"""The versions of what two people may edit at once: an API, a part of it, its policies and tiers, a TLS
context, a client application.
"""

from collections.abc import Sequence
from typing import Any

from django.db.models import Max

from apis.contracts.models import Application, Tier
from apis.desired import DesiredApi, desired_of
from apis.models import ApiInstance, PolicyBinding, TlsContext
from console.versions import version

ROUTES = ("protocol", "port", "base_path", "tls_context", "label", "consumer_endpoint", "routes")
DETAILS = ("label", "consumer_endpoint", "tags", "description", "response_timeout_ms")
WHOLE = (*ROUTES, *DETAILS, "asset", "gateway")


def of_api(api: ApiInstance, part: Sequence[str] = WHOLE) -> str:
    """The version of these fields of the API, as the database has them."""
    desired = desired_of(api)
    return version({name: _content(desired, name) for name in part})


def of_policy(binding: PolicyBinding) -> str:
    """The version of what the policy's form shows."""
    kept = ("config", "secrets", "conditions", "label", "policy_version")
    upstreams = {"upstreams": list(map(str, binding.upstreams))} if binding.is_outbound else {}
    return version({name: getattr(binding, name) for name in kept} | upstreams)


def newest_policy(api: ApiInstance) -> str:
    """The id of the policy that was applied last, or "0"."""
    return str(api.policies.aggregate(newest=Max("pk", default=0))["newest"])


def of_order(api: ApiInstance) -> str:
    return version(list(api.policies.inbound().values_list("pk", flat=True)))


def of_tls_context(context: TlsContext) -> str:
    kept = ("certificate", "key", "trusted_ca", "skips_validation", "requires_client_certificate")
    spoken = ("name", "min_version", "max_version", "alpn", "ciphers")
    stores = {name: str(pk) for name in ("keystore", "truststore") if (pk := getattr(context, f"{name}_id"))}
    return version({name: getattr(context, name) for name in (*kept, *spoken)} | stores)


def of_application(application: Application) -> str:
    kept = ("name", "description", "url", "redirect_uris", "grant_types", "expires_at")
    owners = sorted(map(str, application.owners.values_list("pk", flat=True)))
    teams = sorted(application.teams.values_list("pk", flat=True))
    facts = {name: getattr(application, name) for name in kept}
    return version(facts | {"owners": owners} | ({"teams": teams} if teams else {}))


def of_tier(tier: Tier) -> str:
    kept = ("name", "description", "limits", "approves_by_itself", "status")
    return version({name: getattr(tier, name) for name in kept})


def _content(desired: DesiredApi, name: str) -> Any:
    value = getattr(desired, name)
    if name == "routes":
        return [_route(route) for route in value]
    return str(value.pk) if hasattr(value, "pk") else value


def _route(route: Any) -> dict[str, Any]:
    """With the upstreams' TLS contexts by their ids."""
    upstreams = [
        (
            *(one.uri, one.label, one.weight, str(one.tls_context.pk) if one.tls_context else ""),
            *([one.settings.told] if not one.settings.is_usual else []),
        )
        for one in route.upstreams
    ]
    rules = {name: getattr(route, name) for name in ("label", "methods", "path", "host", "headers")}
    return rules | {"upstreams": upstreams}
