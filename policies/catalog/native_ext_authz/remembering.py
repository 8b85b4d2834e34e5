"""The same asked by the gateway's authorizer, which remembers what the server said."""

from collections.abc import Iterable
from pathlib import Path

from policies.answers import question as questions
from policies.answers.question import question
from policies.catalog.native_ext_authz.config import Config
from policies.compiled import Compiled, Filter, Scope
from policies.expression.lua import Value
from policies.fields import urls
from policies.scripting.script import script

CHECK, SHOWN = (Path(__file__).with_name(name) for name in ("remembering.lua", "shown.lua"))
MOST_REMEMBERED = 5000


def remembering(config: Config, scope: Scope, policy: str, unsaid: Iterable[Filter]) -> Compiled:
    is_grpc = config.server_type == "grpc"
    asked = question(
        scope,
        policy,
        _asked(config),
        timeout_ms=config.request_timeout,
        remembered_seconds=config.remembered_seconds,
        most_remembered=MOST_REMEMBERED,
    )
    told: dict[str, Value] = {"ask": asked.settings}
    # Over gRPC the server says by itself what an allowed caller is told.
    shows = is_grpc or bool(config.service_response_client_headers_on_success)
    shown = script(scope, policy, [questions.LUA, questions.TELL, SHOWN], told, sees_response=True)
    check = script(scope, policy, [questions.LUA, CHECK], {**told, **_seen(config)})
    scripts = (check, shown) if shows else (check,)
    return Compiled((*unsaid, *scripts), clusters=(asked.cluster,), secrets=(asked.secret,))


def _seen(config: Config) -> dict[str, Value]:
    """What of a request is told to the server, and what of its answer no caller may write."""
    if config.server_type == "grpc":
        kind = "certificate" if config.include_peer_certificate else "name"
        return {"seen": _names(config.allowed_headers), "replaced": [], "caller": kind}
    return {
        "seen": _names(("authorization", *config.allowed_headers)),
        "replaced": _names(config.service_response_upstream_headers),
    }


def _asked(config: Config) -> dict[str, object]:
    at = urls.split(config.url)
    asked = {"speaks": config.server_type, "url": f"{at.scheme}://{at.netloc}"}
    if config.server_type == "grpc":
        return dict(asked)
    return {
        **asked,
        "prefix": (at.path.rstrip("/") + config.path_prefix).rstrip("/"),
        "added": [[one.key, one.value] for one in config.service_request_headers_to_add],
        "replaced": _names(config.service_response_upstream_headers),
        "appended": _names(config.service_response_upstream_headers_to_append),
        "client": _names(config.service_response_client_headers),
        "shown": _names(config.service_response_client_headers_on_success),
    }


def _names(given: Iterable[str]) -> list[str]:
    """Each once, in an order that says nothing."""
    return sorted({name.lower() for name in given})
