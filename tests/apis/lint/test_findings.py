"""What the linter finds in an API, and what it leaves alone."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apis.changes.findings import mute_finding
from apis.changes.instances import delete_api
from apis.changes.policies import apply_policy
from apis.changes.removal import restore_api
from apis.contracts.models import Contract
from apis.desired import DesiredRoute, DesiredUpstream, desired_of
from apis.lint.codes import KINDS
from apis.lint.findings import findings, findings_of
from apis.lint.routes import warnings
from apis.models import ApiInstance, PolicyBinding
from console.models import AuditEntry
from gateways.protocol.upstream_settings import UpstreamSettings
from tests.apis.views.pages import Place, make_place, make_saved_api
from tests.factories import make_actor, make_contract, make_tier, make_tls_context
from tests.policies.newcomers import newcomers

pytestmark = pytest.mark.django_db

BASIC = {"username": "ann", "password": "of-ann"}
IDLE = {"timeout": 60}
CACHE: dict[str, Any] = {}


@pytest.fixture
def place() -> Place:
    return make_place()


def limit(requests: int = 5, seconds: int = 60, **more: Any) -> dict[str, Any]:
    limits = [{"maximumRequests": requests, "timePeriodInMilliseconds": seconds * 1000}]
    return {"rateLimits": limits, **more}


def to(uri: str = "http://backend:8080/", **fields: Any) -> DesiredRoute:
    return DesiredRoute(upstreams=[DesiredUpstream(uri)], **fields)


def found(
    api: ApiInstance, *, but: Sequence[str] = ("no-authentication", "credentials-in-clear")
) -> list[str]:
    return [one.code for one in findings(api).told if one.code not in but]


def message(api: ApiInstance, code: str) -> str:
    (one,) = (one for one in findings(api).told if one.code == code)
    return one.message


def test_the_documentation_lists_every_code_with_its_severity() -> None:
    text = Path("docs/linter.md").read_text()

    listed = dict(re.findall(r"^\| `([a-z-]+)` \| (\w+) \|", text, re.M))

    assert listed == {code: kind.severity for code, kind in KINDS.items()}


def test_a_sound_api_has_a_note_alone(place: Place) -> None:
    api = make_saved_api(place)

    assert [(one.code, one.severity) for one in findings(api).told] == [("no-authentication", "info")]


def test_a_route_behind_one_that_takes_all_of_it(place: Place) -> None:
    routes = [to(path="/items/[^/]+"), to(path=r"/items/\d+", methods="GET"), to(path="/items/{id}/x")]
    api = make_saved_api(place, routes=routes)

    assert found(api) == ["route-path", "route-unreachable"]
    assert message(api, "route-unreachable") == (
        "Route 2 gets no request: route 1 takes them all; put it behind this one."
    )


def test_upstreams_that_are_reached_in_clear_from_afar(place: Place) -> None:
    far = ["http://8.8.8.8/", "h2://api.example.com/"]
    near = ["http://10.0.0.7/", "http://[::1]:80/", "http://backend/", "http://a.svc.cluster.local/"]
    routes = [to(uri, path=f"/{at}") for at, uri in enumerate([*far, *near, "https://example.com/"])]
    api = make_saved_api(place, routes=routes)

    assert found(api) == ["upstream-in-clear", "upstream-in-clear"]


def test_an_upstream_without_a_share(place: Place) -> None:
    upstreams = [DesiredUpstream("http://one/"), DesiredUpstream("http://two/", weight=0)]
    api = make_saved_api(place, routes=[DesiredRoute(upstreams=upstreams)])

    assert found(api) == ["upstream-weight-zero"]
    assert "http://two/" in message(api, "upstream-weight-zero")


def test_a_failover_that_does_less_than_it_looks_like(place: Place) -> None:
    told = UpstreamSettings.model_validate(
        {"failover": {"address": "spare", "path": "/v1/"}, "healthCheck": {"kind": "tcp"}}
    )
    upstream = DesiredUpstream("http://backend:8080/v1", settings=told)
    api = make_saved_api(place, routes=[DesiredRoute(upstreams=[upstream])])

    assert found(api) == ["upstream-failover"]
    assert "is that of the URL" in message(api, "upstream-failover")


def test_settings_that_do_less_than_they_say_are_told_at_their_fields(place: Place) -> None:
    told = {
        "loadBalancing": {"algorithm": "sticky", "refuseWhileUnhealthy": True},
        "failover": {"address": "other:80"},
        "limits": {"maxConnections": 9},
    }
    api = make_saved_api(place)
    apply_policy(place.user, api, "health-check", {"path": "/health"}, upstreams=[api.upstreams.get().pk])
    desired = desired_of(api)
    [upstream] = desired.routes[0].upstreams
    settings = UpstreamSettings.model_validate(told)
    routes = [DesiredRoute(upstreams=[replace(upstream, settings=settings)])]

    fields = {field.rpartition("settings.")[2] for field in warnings(replace(desired, routes=routes), api)}

    assert {"loadBalancing.refuseWhileUnhealthy", "limits.maxConnections"} <= fields


@pytest.mark.parametrize(
    ("policy", "config", "more", "is_found"),
    [
        ("health-check", {"path": "/health"}, {}, False),
        ("health-check", {"path": "/health"}, {"is_disabled": True}, True),
        ("idle-timeout", IDLE, {}, True),
    ],
)
def test_a_failover_is_needed_when_a_policy_says_so(
    place: Place, policy: str, config: dict[str, Any], more: dict[str, Any], is_found: bool
) -> None:
    told = UpstreamSettings.model_validate({"failover": {"address": "spare"}})
    upstreams = [
        DesiredUpstream("http://backend:8080/", weight=50, settings=told),
        DesiredUpstream("http://other/", weight=50),
    ]
    api = make_saved_api(place, routes=[DesiredRoute(upstreams=upstreams)])
    guarded, other = api.upstreams.get(uri__contains="backend"), api.upstreams.get(uri__contains="other")
    apply_policy(place.user, api, "health-check", {"path": "/health"}, upstreams=[other.pk])

    assert found(api) == ["upstream-failover"]
    assert len(warnings(desired_of(api), api)) == 1
    apply_policy(place.user, api, policy, config, upstreams=[guarded.pk], **more)

    assert found(api) == (["upstream-failover"] if is_found else [])
    assert bool(warnings(desired_of(api), api)) is is_found


def test_policies_in_an_order_that_is_not_meant(place: Place) -> None:
    api = make_saved_api(place)
    apply_policy(place.user, api, "http-basic-authentication", BASIC)
    apply_policy(place.user, api, "http-caching", CACHE, order=1)
    apply_policy(place.user, api, "rate-limiting", limit(), order=1)

    assert found(api) == ["cache-before-authentication", "limit-before-authentication"]


def test_a_limit_by_address_may_come_first(place: Place) -> None:
    api = make_saved_api(place)
    apply_policy(place.user, api, "http-basic-authentication", BASIC)
    apply_policy(place.user, api, "rate-limiting", limit(keySelector="#[attributes.remoteAddress]"), order=1)

    assert found(api) == []


@pytest.mark.parametrize(
    ("first", "second", "more", "is_found"),
    [
        (limit(5, 60), limit(10, 60), {}, True),
        (limit(5, 60), limit(9, 60), {}, False),
        (limit(100, 3600), limit(1000, 60), {}, True),
        (limit(5, 60), limit(100, 3600), {}, False),
        (limit(5, 60), limit(400, 3600), {}, True),
        (limit(5, 60, keySelector="#[attributes.remoteAddress]"), limit(10, 60), {}, False),
        (limit(5, 60), limit(10, 60, keySelector="#[attributes.remoteAddress]"), {}, True),
        (limit(5, 60, clusterizable=False), limit(10, 60), {}, False),
        (limit(5, 60, blockOnUnknownQuota=False), limit(10, 60), {}, False),
        (limit(5, 60), limit(10, 60), {"mode": "observe"}, False),
        (limit(5, 60), limit(10, 60), {"conditions": [{"methodRegex": "GET"}]}, False),
    ],
)
def test_a_limit_that_another_before_keeps_from_firing(
    place: Place, first: Any, second: Any, more: Any, is_found: bool
) -> None:
    api = make_saved_api(place)
    apply_policy(place.user, api, "rate-limiting", first, **more)
    apply_policy(place.user, api, "rate-limiting", second)

    assert found(api) == (["limit-never-fires"] if is_found else [])


def test_of_limits_over_the_same_time_the_stricter_counts(place: Place) -> None:
    api = make_saved_api(place)
    limits = [*limit(5)["rateLimits"], *limit(6)["rateLimits"], *limit(5)["rateLimits"]]
    apply_policy(place.user, api, "rate-limiting", {"rateLimits": limits})

    assert found(api) == ["limit-never-fires", "limit-never-fires"]


def test_a_policy_for_no_request_of_a_route(place: Place) -> None:
    api = make_saved_api(place, routes=[to(path="/bills(/.*)?", methods="GET|POST")])
    for condition in ({"methodRegex": "DELETE"}, {"uriTemplateRegex": "/items/.*"}, {"methodRegex": "GET"}):
        apply_policy(place.user, api, "rate-limiting", limit(), conditions=[condition])

    assert found(api, but=("no-authentication", "limit-never-fires")) == ["policy-never-applies"] * 2


def test_two_cors_policies(place: Place) -> None:
    api = make_saved_api(place)
    apply_policy(place.user, api, "cors", {})
    apply_policy(place.user, api, "cors", {})

    assert found(api) == ["cors-shadowed"]
    text = "CORS answers no preflight request: CORS, which stands before it, does."
    assert message(api, "cors-shadowed") == text


FIRST = """
from policies.compiled import Compiled
from policies.policy import Category, Phase, Policy, PolicyConfig

class Config(PolicyConfig):
    pass

POLICY = Policy(
    name="first", title="First", category=Category.SECURITY, phase=Phase.CORS, summary="Runs first.",
    version="1.0.0", config=Config, compile=lambda config, scope: Compiled(),
)
"""


def test_what_runs_first_and_answers_no_preflight_shadows_nothing(place: Place, tmp_path: Path) -> None:
    api = make_saved_api(place)
    with newcomers(tmp_path, first=FIRST):
        apply_policy(place.user, api, "cors", {})
        apply_policy(place.user, api, "first", {})

        assert found(api) == []


def test_credentials_over_http(place: Place) -> None:
    plain, behind = (
        make_saved_api(place),
        make_saved_api(place, "Bills", consumer_endpoint="https://api.example.com/bills"),
    )
    context = make_tls_context(place.environment)
    tls = make_saved_api(place, "Users", protocol="https", tls_context=context, port=8443)
    for api in (plain, behind, tls):
        apply_policy(place.user, api, "http-basic-authentication", BASIC)

    assert found(plain, but=()) == ["credentials-in-clear"]
    assert found(behind, but=()) == found(tls, but=()) == []


def test_authentication_that_lets_pass(place: Place) -> None:
    observed, partial = make_saved_api(place), make_saved_api(place, "Bills")
    apply_policy(place.user, observed, "http-basic-authentication", BASIC, mode="observe")
    rows = [{"methodRegex": "POST"}]
    apply_policy(place.user, partial, "http-basic-authentication", BASIC, conditions=rows)
    PolicyBinding.objects.filter(api=observed).update(updated_at=timezone.now() - timedelta(days=61))

    assert found(observed) == ["authentication-observed", "policy-observes-long"]
    assert found(partial) == ["authentication-partial"]


def test_certificates_that_end(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    context = make_tls_context(place.environment, min_version="1.1")
    api = make_saved_api(place, protocol="https", tls_context=context, port=8443)
    ends = context.facts.expires_at  # type: ignore[union-attr]

    assert found(api) == ["tls-version"]
    for now, code in ((ends - timedelta(days=20), "certificate-ends-soon"), (ends, "certificate-expired")):
        monkeypatch.setattr(timezone, "now", lambda now=now: now)
        assert code in found(api)


def test_an_outbound_policy_that_nothing_is_sent_through(place: Place) -> None:
    api = make_saved_api(place, routes=[to(), to("http://other/", path="/x")])
    apply_policy(
        place.user, api, "idle-timeout", {"timeout": 5}, upstreams=[one.pk for one in api.upstreams.all()]
    )
    api.routes.filter(position=1).delete()

    assert found(api) == ["outbound-unused"]


def test_what_the_catalog_no_longer_takes(place: Place) -> None:
    api = make_saved_api(place)
    binding = apply_policy(place.user, api, "rate-limiting", limit())
    PolicyBinding.objects.filter(pk=binding.pk).update(config={"rateLimits": 1})
    assert found(api) == ["policy-not-valid"]

    PolicyBinding.objects.filter(pk=binding.pk).update(policy="bygone")
    assert found(api) == ["policy-unknown"]


def test_the_number_of_queries_does_not_depend_on_what_there_is(place: Place) -> None:
    few, many = (
        make_saved_api(place),
        make_saved_api(place, "Bills", routes=[to(path=f"/{n}") for n in range(30)]),
    )
    apply_policy(place.user, few, "rate-limiting", limit())
    for number in range(50):
        rows = [{"uriTemplateRegex": f"/{number}/.*"}]
        apply_policy(place.user, many, "rate-limiting", limit(number + 1, number + 1), conditions=rows)

    counts = []
    for api in (few, many):
        with CaptureQueriesContext(connection) as queries:
            findings(api)
        counts.append(len(queries))
    with CaptureQueriesContext(connection) as of_both:
        assert len(findings_of([few.pk, many.pk])) == 2

    assert counts[0] == counts[1] == len(of_both)


def test_a_muted_finding_stays_muted_until_its_place_is_another(place: Place) -> None:
    api = make_saved_api(place, routes=[to(), to(path="/x")])
    (one,) = (one for one in findings(api).told if one.code == "route-unreachable")

    mute_finding(place.user, api, one.code, one.place.id, "It is  kept for\nlater.")
    after = findings(api)
    api.routes.filter(position=1).update(path="/y")

    assert [it.muted.reason for it in after.muted if it.muted] == ["It is kept for later."]
    assert "route-unreachable" not in [it.code for it in after.told]
    assert found(api) == ["route-unreachable"]
    entry = AuditEntry.objects.latest("pk")
    assert "It is kept for later." in str(entry.diff)


def test_what_was_muted_comes_back_with_a_deleted_api(place: Place) -> None:
    api = make_saved_api(place)
    gone = make_actor()
    mute_finding(gone, api, "no-authentication", "api", "It is for everybody.")
    removed = delete_api(place.user, api)
    gone.delete()

    restored = restore_api(place.user, removed)

    assert [(it.code, it.muted and it.muted.by) for it in findings(restored).muted] == [
        ("no-authentication", None)
    ]


def test_contracts_are_asked_for_and_there_or_neither(place: Place) -> None:
    api = make_saved_api(place)
    codes = ("contracts-none", "contracts-idle", "tiers-none")

    def told() -> list[str]:
        return [one.code for one in findings(api).told if one.code in codes]

    assert told() == []
    contract = make_contract(api)
    assert told() == ["contracts-idle"]
    PolicyBinding.objects.create(api=api, policy="rate-limiting-sla-based", order=1)
    assert told() == ["tiers-none"]
    make_tier(api)
    assert told() == []
    Contract.objects.filter(pk=contract.pk).update(status="REVOKED")
    assert told() == ["contracts-none"]
