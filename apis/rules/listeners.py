"""Where an API listens: protocol, TLS context, port and base path, each sound and free on its gateway."""

from collections import Counter
from collections.abc import Callable, Iterator

from django.db.models import Case, Q, QuerySet, When
from django.utils.text import slugify

from apis.desired import DesiredApi
from apis.models import ApiInstance, TlsContext
from apis.rules.problem import Problem, elsewhere
from console.models import Environment
from gateways.models import Gateway
from gateways.protocol.addresses import base_path_fault

USUAL_PORTS = {"http": 8081, "https": 8443}
RESERVED_PORTS = {
    4000: "the shared storage service",
    9881: "the monitoring service",
    9998: "the gateway itself",
    9999: "the gateway itself",
    30001: "distributed storage",
}
NEEDS_TLS = "HTTPS needs a TLS context, which holds certificate and key; choose one, or make one."


def problems(environment: Environment, desired: DesiredApi, api: ApiInstance | None) -> Iterator[Problem]:
    """`api` is the instance being edited, which does not conflict with itself."""
    yield from _spoken(environment, desired)
    yield from _port(desired, api)
    yield from _overlap(desired, api)


def hint(port: int) -> str | None:
    """Why another port may be the better one."""
    if port not in RESERVED_PORTS:
        return None
    keeper = RESERVED_PORTS[port]
    return f"Flex Gateway keeps port {port} for {keeper}; choose another if this API may run there."


def normalised(base_path: str) -> str:
    """Without spaces around it and without a slash at its end: "/orders/" is "/orders"."""
    return base_path.strip().rstrip("/") or ("/" if base_path.strip() else "")


def with_slash(base_path: str) -> str:
    """What a person types for a path: "orders" means "/orders". What is no path stays, to be refused."""
    path = base_path.strip()
    return path if not path or path.startswith("/") or "://" in path else f"/{path}"


def proposed(gateway: Gateway | None, protocol: str, name: str) -> tuple[int, str]:
    """(port, base path) that nothing is in the way of: on the port where the gateway speaks this for most of
    its APIs already, else on the usual one or the next that is free; the path is of the API's name.
    """
    rows = ApiInstance.objects.filter(gateway=gateway) if gateway else ApiInstance.objects.none()
    taken = list(rows.values_list("port", "protocol", "base_path"))
    shared = Counter(port for port, spoken, _ in taken if spoken == protocol)
    free = _first_free({port for port, _, _ in taken} | RESERVED_PORTS.keys(), protocol)
    for port in [*sorted(shared, key=lambda one: (-shared[one], one)), free]:
        paths = [path for used, _, path in taken if used == port]
        if path := _free_path(paths, slugify(name)[:200]):
            return port, path
    return free, "/"


def _first_free(ports: set[int], protocol: str) -> int:
    return next(port for port in range(USUAL_PORTS[protocol], 65536) if port not in ports)


def _free_path(paths: list[str], word: str) -> str:
    """A path made of this word that overlaps none of these; "" when there is none."""
    tried = (f"/{word}" if count == 1 else f"/{word}-{count}" for count in range(1, len(paths) + 2))
    ours = ((path, path.rstrip("/") + "/") for path in tried)
    theirs = [path.rstrip("/") + "/" for path in paths]
    return next((path for path, one in ours if not any(map(_nested(one), theirs))), "")


def _nested(one: str) -> Callable[[str], bool]:
    return lambda other: one.startswith(other) or other.startswith(one)


def _spoken(environment: Environment, desired: DesiredApi) -> Iterator[Problem]:
    if desired.protocol not in ApiInstance.Protocol.values:
        yield Problem("protocol", f'"{desired.protocol}" is not a protocol; write "http" or "https".')
    elif desired.protocol == ApiInstance.Protocol.HTTP and desired.tls_context:
        yield Problem("tls_context", "HTTP has no TLS context; leave it out, or choose HTTPS.")
    elif desired.protocol == ApiInstance.Protocol.HTTPS:
        yield from _tls(environment, desired.tls_context)
    if not 1 <= desired.port <= 65535:
        yield Problem("port", f"{desired.port} is not a port; write a number from 1 to 65535.")
    if message := _base_path(normalised(desired.base_path)):
        yield Problem("base_path", message)


def _tls(environment: Environment, chosen: TlsContext | None) -> Iterator[Problem]:
    if chosen is None:
        yield Problem("tls_context", NEEDS_TLS)
    elif (context := environment.tls_contexts.filter(pk=chosen.pk).first()) is None:
        yield Problem("tls_context", elsewhere(f"TLS context {chosen}", environment))
    elif not context.certificate:
        message = f"TLS context {context} has no certificate to serve with; choose another, or add one to it."
        yield Problem("tls_context", message)


def _port(desired: DesiredApi, api: ApiInstance | None) -> Iterator[Problem]:
    """APIs on one port share its protocol and its TLS context."""
    if desired.gateway is None:
        return
    where, others = f"Port {desired.port} of gateway {desired.gateway}", _others(desired, api)
    context = desired.tls_context.pk if desired.tls_context else None
    running = others.filter(is_deployed=True, revision__port=desired.port)
    same = Q(revision__protocol=desired.protocol, revision__serves_with=context)
    if context is None:
        same = Q(revision__protocol=desired.protocol, revision__serves_with__isnull=True)
    late = running.exclude(same).exclude(port=desired.port, pending_since=None).first()
    if late:
        message = f"{where} still serves {late} another way; deploy what is saved of it, or choose another."
        yield Problem("port", message, "conflict")
    if (other := others.filter(port=desired.port).first()) is None:
        return
    if other.protocol != desired.protocol:
        spoken = other.get_protocol_display()
        yield Problem(
            "port", f"{where} speaks {spoken} for {other}; choose {spoken}, or another port.", "conflict"
        )
    elif desired.tls_context and other.tls_context != desired.tls_context:
        message = (
            f'{where} serves {other} with TLS context "{other.tls_context}"; choose that one, or another '
            "port. For another certificate on the whole port, edit the context."
        )
        yield Problem("tls_context", message, "conflict")


def _base_path(path: str) -> str | None:
    if not path:
        return 'Write a base path; "/" when the API has the whole port.'
    if len(path) > 255:
        return "The base path is longer than 255 characters."
    wrong = base_path_fault(path)
    return f"{wrong}." if wrong else None


def _overlap(desired: DesiredApi, api: ApiInstance | None) -> Iterator[Problem]:
    if desired.gateway is None:
        return
    path = normalised(desired.base_path)
    saved = Q(port=desired.port) & _overlapping(path, "base_path")
    runs = Q(is_deployed=True, revision__port=desired.port) & _overlapping(path, "revision__base_path")
    found = (
        _others(desired, api).filter(saved | runs).annotate(is_saved=Case(When(saved, True), default=False))
    )
    other = found.select_related("revision").first()
    if other is not None:
        taken = other.base_path if other.is_saved or not other.revision else other.revision.base_path
        yield Problem(
            "base_path",
            f'"{path}" overlaps "{taken}" of {other} on port {desired.port} of gateway '
            f"{desired.gateway}; choose a path that neither begins, or another port.",
            "conflict",
        )


def _others(desired: DesiredApi, api: ApiInstance | None) -> QuerySet[ApiInstance]:
    """The gateway's other APIs; each takes its address as saved and, if that differs, as deployed."""
    others = ApiInstance.objects.filter(gateway=desired.gateway).select_related("asset", "tls_context")
    return others.exclude(pk=api.pk) if api else others


def _overlapping(path: str, field: str) -> Q:
    """The base paths that are this one, or begin it or are begun by it at a segment boundary."""
    parts = path.rstrip("/").split("/")
    begins = ["/".join(parts[:count]) or "/" for count in range(1, len(parts) + 1)]
    return Q(**{f"{field}__in": begins}) | Q(**{f"{field}__startswith": f"{path.rstrip('/')}/"})
