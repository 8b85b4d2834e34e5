"""What is found in an API's policies: their settings, their conditions, their order."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from apis.lint import conditions, limits
from apis.lint.finding import Finding
from apis.lint.routes import rule_of
from apis.lint.subject import Applied, LintedApi, Running
from apis.models import Upstream
from apis.rules import policy_advice
from apis.rules.config_reading.reading import Busy, Unsound
from console.forms.schema import of_model
from gateways.protocol import reach, regex
from gateways.protocol.languages import Effort
from gateways.protocol.rules import EVERY_PATH, Rule
from policies import catalog, order
from policies.policy import Phase

OBSERVED_DAYS = 60


def findings(subject: LintedApi) -> Iterator[Finding]:
    for applied in (*subject.inbound, *subject.outbound):
        yield from _of_settings(subject, applied)
    running = subject.running
    yield from _in_order(running)
    yield from limits.findings(running)
    yield from conditions.findings(running)
    effort = Effort()
    for one in running:
        if one.is_own:
            yield from _never_applied(subject, one, effort)
            yield from _observing(one)
    answering = [one for one in running if one.policy.answers_preflights]
    for one in answering[1:]:
        text = f"answers no preflight request: {answering[0].policy.title}, which stands before it, does"
        yield Finding("cors-shadowed", one.place, text)
    yield from _unused(subject)


def _of_settings(subject: LintedApi, one: Applied) -> Iterator[Finding]:
    if one.policy is None:
        yield Finding("policy-unknown", one.place, "is no longer in the catalog")
        return
    try:
        advice = None if one.read is None else list(policy_advice.of_config(one.read))
    except Busy:
        advice = []
    except Unsound:
        advice = None
    if advice is None:
        yield Finding("policy-not-valid", one.place, "has a configuration that is no longer sound")
        return
    for field, text in advice:
        yield Finding("policy-setting", one.place, text, label(one.policy.name, field), field)
    for field, text in policy_advice.of_conditions(subject.api.base_path, one.binding.conditions):
        about = "Condition on methods" if field.endswith("methodRegex") else "Condition on the path"
        yield Finding("policy-condition", one.place, text, about, field)


@lru_cache(maxsize=2048)
def label(policy: str, field: str) -> str:
    """What the form calls a field of the configuration."""
    name = field.removeprefix("config.").partition(".")[0]
    known: Mapping[str, Any] = of_model(catalog.find(policy).config)["properties"]
    return str(known.get(name, {}).get("title") or name)


def _in_order(running: list[Running]) -> Iterator[Finding]:
    uses = [(one.policy, one.config) for one in running]
    for at, text in order.unserved(uses):
        yield Finding("policy-order", running[at].place, text)
    for at, text in order.skipped(uses):
        decides = running[at].policy.phase in (Phase.TLS, Phase.IDENTIFY, Phase.AUTHORIZE)
        code = "cache-before-authentication" if decides else "cache-before-check"
        yield Finding(code, running[at].place, text)
    last = max((at for at, one in enumerate(running) if one.policy.phase is Phase.IDENTIFY), default=-1)
    for one in running[: max(last, 0)]:
        if limits.is_shared_by_all(one):
            behind = running[last].policy.title
            text = f"counts requests of strangers, too: {behind} checks who calls only after it"
            yield Finding("limit-before-authentication", one.place, text)


def _never_applied(subject: LintedApi, one: Running, effort: Effort) -> Iterator[Finding]:
    conditions = [_condition(row) for row in one.binding.conditions]
    if reach.is_never_met(conditions, [(rule_of(route),) for route in subject.routes], effort):
        yield Finding("policy-never-applies", one.place, "is for no request that a route of the API takes")


def _condition(row: Mapping[str, Any]) -> Rule:
    path = regex.unanchored(regex.as_taken(str(row.get("uriTemplateRegex") or "")))
    return Rule(None if path in EVERY_PATH else path, str(row.get("methodRegex") or "") or None)


def _observing(one: Running) -> Iterator[Finding]:
    since = one.binding.updated_at
    if not one.is_enforced and since and since < timezone.now() - timedelta(days=OBSERVED_DAYS):
        text = f"only observes, and nobody has changed it since {since:%-d %B %Y}"
        yield Finding("policy-observes-long", one.place, text)


def _unused(subject: LintedApi) -> Iterator[Finding]:
    """Outbound policies where no route leads."""
    routed = {upstream.id for route in subject.routes for upstream in route.upstreams}
    rows: QuerySet[Upstream] = subject.api.upstreams.all()
    known = {row.pk: row for row in rows}
    for one in subject.outbound:
        for pk in one.binding.upstreams:
            if pk in known and pk not in routed:
                yield Finding(
                    "outbound-unused", one.place, f"does nothing at {known[pk]}: no route leads there"
                )
