"""What a promotion is told: where to, and what is otherwise there; proposed from what is known already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from apis.models import ApiInstance
from apis.portable import mentioned
from apis.portable.rows import portable_of
from apis.portable.shape import PolicyPart, Portable, SecretPart
from apis.portable.updating import matched
from apis.portable.wanted import PARTS, WantedApi
from apis.promotions import mapping, permission
from apis.promotions.mapping import Kind
from apis.promotions.models import Counterpart
from apis.rules import upstream_settings, upstream_uri
from console.models import Environment, User
from gateways.models import Gateway


@dataclass(frozen=True)
class Choices:
    """`counterpart` is what is brought up to date; without one a new API is made. `uris` and `contexts` are
    by the origin's upstreams, `hosts` by what routes say, `shared` by shared secrets as "group/name",
    `secrets` by policy, or mention of a shared secret, and path; `sent_to` by secret groups that are
    made, the hosts that somebody wrote for them.
    """

    environment: Environment
    counterpart: ApiInstance | None
    gateway: Gateway | None
    protocol: str
    port: int
    base_path: str
    tls_context: str = ""
    label: str = ""
    consumer_endpoint: str = ""
    uris: Mapping[str, str] = field(default_factory=dict)
    contexts: Mapping[str, str] = field(default_factory=dict)
    hosts: Mapping[str, str] = field(default_factory=dict)
    shared: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    sent_to: Mapping[str, Sequence[str]] = field(default_factory=dict)
    keeps_secrets: bool = False
    parts: frozenset[str] = frozenset(PARTS)
    unknown: frozenset[str] = frozenset()
    """The fields of which nothing is known there yet: what a form asks for."""


def counterparts(origin: ApiInstance, environment: Environment) -> list[ApiInstance]:
    """What the origin was promoted to there, the newest first; where it came from itself, that one too."""
    rows = Counterpart.objects.filter(origin=origin, copy__environment=environment)
    named = ("copy__asset__organization", "copy__gateway", "copy__tls_context")
    found = [one.copy for one in rows.select_related(*named, "copy__environment__organization")]
    back = Counterpart.objects.filter(copy=origin, origin__environment=environment).first()
    return [*found, *([back.origin] if back else [])]


def proposed(
    user: User, origin: ApiInstance, environment: Environment, counterpart: ApiInstance | None
) -> Choices:
    """As the counterpart is, else as the last promotion had it, else as the origin is."""
    whole, memory = portable_of(origin), mapping.between(origin.environment, environment)
    unknown: set[str] = set()
    there = _uris_there(whole, counterpart, environment)
    uris, contexts = {}, {}
    for one in whole.upstreams:
        known = memory.of(Kind.UPSTREAM, one.uri) or there.get(one.key)
        if known is None:
            unknown.add(f"upstreams.{one.key}.uri")
        uris[one.key] = known or one.uri
        contexts[one.key] = _context(one.tls_context, uris[one.key], memory)
    hosts = {}
    for route in whole.routes:
        if route.host:
            known = memory.of(Kind.HOST, route.host)
            hosts[route.host] = known or route.host
            unknown |= set() if known else {f"hosts.{route.host}"}
    return Choices(
        environment,
        counterpart,
        uris=uris,
        contexts=contexts,
        hosts=hosts,
        shared={
            one.reference: memory.of(Kind.SECRET, one.reference) or one.reference
            for one in whole.shared_secrets
        },
        label=counterpart.label if counterpart else origin.label,
        parts=_parts(user, origin),
        unknown=frozenset(unknown),
        **_listener(origin, environment, counterpart, memory),
    )


def wanted(user: User, origin: ApiInstance, choices: Choices) -> WantedApi:
    """What the environment is to have. Secrets come along where that is asked for and allowed, and no part
    that the user may not see of the origin.
    """
    may = permission.may_take_along(user, origin.environment)
    is_here = choices.environment.pk == origin.environment_id
    keeps = is_here or (choices.keeps_secrets and may)
    whole = portable_of(origin, secrets=keeps)
    parts = choices.parts & permission.parts_from(user, origin)
    parts = parts if may or is_here else parts - {"tests"}
    known = {"muted": (), "extra": _extra(choices), "is_deprecated": _is_deprecated(choices)}
    # What has no terms of its own takes none away: the other environment may have written some.
    known["terms"] = whole.terms or None
    return WantedApi(
        choices.environment,
        as_chosen(whole.model_copy(update=known), choices, parts),
        choices.gateway,
        origin.asset.specification,
        parts,
        f"{origin}, {origin.environment}",
        choices.sent_to,
    )


def as_chosen(whole: Portable, choices: Choices, parts: frozenset[str]) -> Portable:
    """With what is chosen of it, and without the parts that are left out."""
    upstreams = tuple(
        one.model_copy(
            update={
                "uri": choices.uris.get(one.key, one.uri),
                "tls_context": choices.contexts.get(one.key, one.tls_context),
                "settings": _settings(one, choices),
            }
        )
        for one in whole.upstreams
    )
    routes = tuple(
        one.model_copy(update={"host": choices.hosts.get(one.host, one.host)}) for one in whole.routes
    )
    named: dict[str, Any] = {
        name: getattr(choices, name)
        for name in ("protocol", "port", "base_path", "tls_context", "label", "consumer_endpoint")
    }
    named |= {"upstreams": upstreams, "routes": routes}
    named["policies"] = tuple(_with(one, choices.secrets.get(one.key, {})) for one in whole.policies)
    gone = {name: None if name == "terms" else () for name in PARTS if name not in parts}
    carried = mentioned.renamed(whole.model_copy(update=named | gone), choices.shared)
    secrets = tuple(_with_values(one, choices.secrets) for one in carried.shared_secrets)
    return carried.model_copy(update={"shared_secrets": secrets})


def _parts(user: User, origin: ApiInstance) -> frozenset[str]:
    """Tests may hold credentials: they come along for who may change the origin."""
    left = set() if permission.may_take_along(user, origin.environment) else {"tests"}
    return permission.parts_from(user, origin) - left


def _extra(choices: Choices) -> dict[str, Any]:
    return dict(choices.counterpart.extra) if choices.counterpart else {}


def _is_deprecated(choices: Choices) -> bool:
    return bool(choices.counterpart and choices.counterpart.is_deprecated)


def _with(one: PolicyPart, given: Mapping[str, str]) -> PolicyPart:
    return one.model_copy(
        update={"secrets": {path: given.get(path) or value for path, value in one.secrets.items()}}
    )


def _with_values(one: SecretPart, given: Mapping[str, Mapping[str, str]]) -> SecretPart:
    written = given.get(mentioned.of_mention(one), {})
    return one.model_copy(
        update={"values": {name: written.get(name) or value for name, value in one.values.items()}}
    )


def _settings(one: Any, choices: Choices) -> Any:
    """Hosts are those of the origin's address: elsewhere they would be asked instead."""
    uri = choices.uris.get(one.key, one.uri)
    if upstream_uri.fault(uri) or upstream_uri.read(uri).address == upstream_uri.read(one.uri).address:
        return one.settings
    return upstream_settings.acting(uri, one.settings.model_copy(update={"hosts": ()}))


def _uris_there(whole: Portable, counterpart: ApiInstance | None, environment: Environment) -> dict[str, str]:
    """What the upstreams of the counterpart are: those of the same label or place are the same."""
    if counterpart is None:
        return {}
    match = matched(counterpart, WantedApi(environment, whole))
    rows = {row.pk: row.uri for row in counterpart.upstreams.all()}
    return {key: rows[pk] for key, pk in match.upstreams.items()}


def _context(was: str, uri: str, memory: mapping.Memory) -> str:
    if not was or not upstream_uri.has_tls(uri):
        return ""
    return memory.of(Kind.TLS, was) or was


def _listener(
    origin: ApiInstance, environment: Environment, counterpart: ApiInstance | None, memory: mapping.Memory
) -> dict[str, Any]:
    if counterpart:
        return {
            "gateway": counterpart.gateway,
            "protocol": counterpart.protocol,
            "port": counterpart.port,
            "base_path": counterpart.base_path,
            "tls_context": counterpart.tls_context.name if counterpart.tls_context else "",
            "consumer_endpoint": counterpart.consumer_endpoint,
        }
    was = origin.tls_context.name if origin.tls_context else ""
    port = memory.of(Kind.PORT, str(origin.port)) or str(origin.port)
    return {
        "gateway": gateway_of(
            environment, memory.of(Kind.GATEWAY, origin.gateway.name) if origin.gateway else None
        ),
        "protocol": origin.protocol,
        "port": int(port) if port.isdigit() else origin.port,
        "base_path": origin.base_path,
        "tls_context": (memory.of(Kind.TLS, was) or was) if was else "",
        "consumer_endpoint": "",
    }


def gateway_of(environment: Environment, known: str | None) -> Gateway | None:
    """The one of this name, else the only one, else the first that is connected."""
    found = list(environment.gateways.filter(is_revoked=False).prefetch_related("replicas"))
    named = [one for one in found if one.name == known]
    connected = [one for one in found if one.status == Gateway.Status.CONNECTED]
    return next(iter([*named, *connected]), found[0] if len(found) == 1 else None)
