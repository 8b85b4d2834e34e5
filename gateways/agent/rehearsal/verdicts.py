"""From what Envoy, the caller and the upstreams saw of a request to the verdict on it."""

import http.client
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from gateways.agent.rehearsal import marks, routing
from gateways.agent.rehearsal.caller import CallOutcome
from gateways.agent.rehearsal.player import Peer, UpstreamRequest
from gateways.agent.traffic.failures import failure
from gateways.agent.traffic.labels import NativeRefusal, catalog_refusals
from gateways.agent.translate import ir
from gateways.agent.translate.index import Key
from gateways.agent.xds import access_log
from gateways.agent.xds.compiler import noted_name
from gateways.protocol.rehearsal import Decision, DecisionKind, Outcome, Request, Sent, Verdict, shown
from policies.catalog import find

NO_ROUTE = routing.NONE
OR_ANOTHER = "or it was another one of the same policy, after it"
OR_IT_WAS = "or it was this one that decided"


@dataclass(frozen=True)
class Absent:
    """An API that is not served: where it would be, and why it is not."""

    key: Key
    port: int
    base_path: str
    faults: tuple[str, ...]
    title: str = ""
    """What people know it by, where that is not its name."""

    def would_take(self, port: int, target: str) -> bool:
        path = target.partition("?")[0]
        return self.port == port and (path == self.base_path or path.startswith(f"{self.base_path}/"))


@dataclass(frozen=True)
class CallFacts:
    """`told` is Envoy's line, empty without one; `noted` what others got, and who they are."""

    heard: CallOutcome
    told: Mapping[str, Any] = field(default_factory=dict)
    noted: Sequence[tuple[UpstreamRequest, Peer]] = ()
    said: tuple[str, ...] = ()

    @cached_property
    def route(self) -> access_log.RouteName | None:
        name = self.told.get("route")
        return access_log.RouteName.read(name) if name else None

    @property
    def details(self) -> str:
        """As the access log's reader takes them: an answer that came too late has one name."""
        return self._key.details if self._key else str(self.told.get("details") or "")

    @cached_property
    def refusing(self) -> str:
        """The policy that refused; "" where none did."""
        return self._word("policy").partition(" ")[0] or (self._native.policy if self._native else "")

    @property
    def reason(self) -> str:
        """Why, as the access log tells it: the check and the compared values."""
        said = self._word("reason")
        if said or not self._native:
            return said
        caller, agent = str(self.told.get("caller") or "the caller"), str(self.told.get("agent") or "")
        return self._native.told(caller, agent, int(self.told.get("status") or 0), "its time")

    @cached_property
    def _native(self) -> NativeRefusal | None:
        return next((one for one in catalog_refusals() if one.details.search(self.details)), None)

    @property
    def observed(self) -> dict[str, str]:
        """Why policies that only observe would have refused, by their bindings' names."""
        return dict(access_log.observed(self._word("observed").encode()))

    @property
    def answering(self) -> str:
        """The policy that answered in the upstream's place."""
        return self._word("answered")

    @property
    def held(self) -> list[str]:
        """The bindings whose conditions held, as far as the request came."""
        return access_log.held((self.told.get("held") or "-").encode())

    @property
    def passed(self) -> set[int]:
        """The places of policies that the request came past, of those that are applied again further down."""
        return marks.passed(str(self.told.get("passed") or "-"))

    @property
    def failure(self) -> str:
        """Why the upstream failed, in the words that traffic is counted by."""
        key = self._key
        return failure(key.status, key.flags, key.details).reason if key else ""

    @property
    def words(self) -> str:
        """What the answer says of itself, where it is the gateway's or a policy's own."""
        try:
            said = json.loads(self.heard.content)["error"]
        except (ValueError, KeyError, TypeError):
            return ""
        return str(said)

    def _word(self, name: str) -> str:
        told = self.told.get("told")
        return str(told.get(name, "")) if isinstance(told, dict) else ""

    @cached_property
    def _key(self) -> access_log.Key | None:
        """The key that the gateway's access log would have for this request."""
        if self.route is None:
            return None
        names = ("details", "", "", "flags")
        values = [str(self.told.get(name) or "-") for name in names]
        parts = [str(self.told["route"]), "-", str(self.told.get("status") or 0), *values]
        return access_log.key(access_log.PART.join(parts).encode())


def verdict(
    request: Request, port: int, facts: CallFacts, served: Mapping[Key, ir.Api], absent: Sequence[Absent]
) -> Verdict:
    """`milliseconds` is left to who measures."""
    route = facts.route
    api = served.get((route.namespace, route.api)) if route else None
    sent = [_sent(noted, part) for noted, part in facts.noted if part.service]
    missing = _missing(request, port, absent) if api is None else None
    outcome, reason = _outcome(facts, api, sent, missing)
    key = api.key if api else missing.key if missing else None
    weighed = _weighed(request, port, facts, served, api) if missing is None and facts.told else {}
    return Verdict(
        **weighed,
        outcome=outcome,
        reason=reason,
        api="/".join(key) if key else "",
        route=route.label if route and route.label != NO_ROUTE else "",
        caller=str(facts.told.get("caller") or request.caller),
        policies=tuple(_decisions(facts, api, bool(sent))) if api else (),
        sent=sent[-1] if sent else None,
        tries=len(sent),
        asked=tuple(_sent(noted, part) for noted, part in facts.noted if not part.service),
        answer=facts.heard.answer,
        details=facts.details,
        faults=missing.faults if missing else (),
        said=facts.said,
    )


def _weighed(
    request: Request, port: int, facts: CallFacts, served: Mapping[Key, ir.Api], api: ir.Api | None
) -> dict[str, Any]:
    """Why others did not take it; nothing where it was refused before anybody was asked."""
    target = str(facts.told.get("target") or request.target)
    if api is None and facts.told.get("status") != 404:
        return {"target": target}
    seen = routing.seen(request, port, target)
    label = facts.route.label if facts.route else NO_ROUTE
    return {
        "target": target,
        "apis": routing.apis(seen, port, served.values(), api),
        "routes": routing.routes(seen, api, label) if api else (),
    }


def _outcome(
    facts: CallFacts, api: ir.Api | None, sent: Sequence[Sent], missing: Absent | None
) -> tuple[Outcome, str]:
    answer = facts.heard.answer
    if missing is not None:
        return (
            "not-served",
            f"API {missing.title or missing.key[1]} would take the request, and is not served",
        )
    if answer is None:
        return ("unanswered" if facts.heard.is_late or facts.told else "rejected"), facts.heard.reason
    upstream = sent[-1].upstream if sent else "the upstream"
    return _policys_answer(facts, answer.status) or (
        _upstreams_answer(facts, answer.status, upstream) or _gateways_answer(facts, api, answer.status)
    )


def _policys_answer(facts: CallFacts, status: int) -> tuple[Outcome, str] | None:
    if facts.refusing:
        said = facts.words or facts.reason or status
        return "refused", f"{_title(facts.refusing)} refused the request: {said}"
    if facts.answering:
        return "answered", f"{_title(facts.answering)} answered in the upstream's place"
    return None


def _upstreams_answer(facts: CallFacts, status: int, upstream: str) -> tuple[Outcome, str] | None:
    if facts.details == "via_upstream":
        return "upstream", f"{upstream} answered {status}"
    if facts.failure:
        said = (facts.words or f"{upstream} failed").rstrip(".")
        return "failed", f"{said} ({facts.failure.replace('_', ' ')})"
    return None


def _gateways_answer(facts: CallFacts, api: ir.Api | None, status: int) -> tuple[Outcome, str]:
    """The outcome of an answer of the gateway's own, in words: an answer to HEAD has none."""
    if api is None and status == 404:
        return "no-api", facts.words or "No API is served here."
    if api is not None and facts.route and facts.route.label == NO_ROUTE and status == 404:
        return "no-route", facts.words or "No route of this API matches the request."
    why = "" if facts.details in ("", "direct_response") else f" ({facts.details})"
    said = facts.words or http.client.responses.get(status, "")
    return "rejected", f"the gateway answered {status}: {said}{why}"


def _decisions(facts: CallFacts, api: ir.Api, was_sent: bool) -> Iterator[Decision]:
    """In the order in which they run. Envoy tells which policy decided; of several bindings of it, the one
    that the request did not come past. An answer on its way back meets them the other way round.
    """
    held, passed = facts.held, set() if was_sent else facts.passed
    applied = [use for use in api.policies if not use.conditions or noted_name(use.binding) in held]
    who = facts.refusing or facts.answering
    stopping = [use for number, use in enumerate(api.policies) if number not in passed and use.policy == who]
    deciding = [use for use in stopping if use in applied] or stopping
    if not was_sent:
        # A condition is looked at as the request comes there: the last one that held is the farthest.
        reached = [use for use in deciding if use.conditions and use in applied]
        deciding = reached[-1:] or deciding[:1]
    kind: DecisionKind = "refused" if facts.refusing else "answered"
    said = _why(facts) if facts.refusing else ""
    has_ended = False
    for use in api.policies:
        made = {"policy": use.policy, "title": _title(use.policy), "binding": use.binding}
        if use in deciding and not has_ended:
            has_ended = True
            reason = f"{said} ({OR_ANOTHER})".strip() if len(deciding) > 1 else said
            yield Decision(**made, decision=kind, reason=reason)
        elif has_ended and not was_sent:
            yield Decision(**made, decision="not-reached", reason=OR_IT_WAS if use in deciding else "")
        elif use not in applied:
            yield Decision(**made, decision="not-applied", reason="its conditions do not hold")
        elif use.observes and (why := facts.observed.get(noted_name(use.binding) or use.policy)):
            yield Decision(**made, decision="would-refuse", reason=why)
        else:
            yield Decision(**made, decision="passed")


def _why(facts: CallFacts) -> str:
    """What the caller is told, and what the log tells; that alone where the answer has no words of ours."""
    if facts.words and facts.reason:
        return f"{facts.words} ({facts.reason})"
    return facts.words or facts.reason or facts.details


def _sent(noted: UpstreamRequest, part: Peer) -> Sent:
    plain = {
        "upstream": part.address or noted.cluster,
        "service": part.service,
        "method": noted.method,
        "target": noted.target,
        "headers": noted.headers,
        "was_given": noted.answer is not None,
    }
    return Sent.model_validate({**plain, **shown(noted.body)})


def _missing(request: Request, port: int, absent: Sequence[Absent]) -> Absent | None:
    """The API of the longest base path that would take the request if it were served."""
    found = [one for one in absent if one.would_take(port, request.target)]
    return max(found, key=lambda one: len(one.base_path), default=None)


def _title(policy: str) -> str:
    return find(policy).title
