"""What an upstream is told beside its URI, over REST, and what becomes of it: revision, export, history."""

from typing import Any

import pytest

from apis.deployment.diff import between
from apis.models import ApiInstance
from apis.revisions import export, rows
from console.models import Environment
from gateways.agent.sources.files import load_text
from gateways.agent.translate.apis import translate
from tests.factories import make_gateway
from tests.rest import Rest

pytestmark = pytest.mark.django_db
HOSTS = [{"address": "one:8080"}, {"address": "two:8080", "backup": True}]
CHECK = {"kind": "http", "path": "/health", "statuses": [200, "300-399"]}


@pytest.fixture
def api(rest: Rest, environment: Environment) -> ApiInstance:
    """Deployed, with one upstream."""
    body = {
        "spec": {"assetId": "orders", "version": "1.0.0"},
        "endpoint": {"proxyUri": "http://0.0.0.0:8081/orders"},
        "routing": [{"upstreams": [{"uri": "http://orders:8080/"}]}],
        "deployment": {"targetId": str(make_gateway(environment).pk)},
    }
    made = rest("POST", "AM", body)
    assert made.status_code == 201, made.data
    return ApiInstance.objects.get(pk=made.data["id"])


def one(api: ApiInstance) -> str:
    return f"AM/{api.pk}/upstreams/{api.upstreams.get().pk}"


def test_settings_are_told_kept_and_taken_back(rest: Rest, api: ApiInstance) -> None:
    plain = api.revision

    told = rest("PATCH", one(api), {"hosts": HOSTS, "healthCheck": CHECK})

    assert told.status_code == 200, told.data
    assert told.data["hosts"][1] == {"address": "two:8080", "weight": 1, "backup": True}
    assert told.data["healthCheck"]["statuses"] == ["200", "300-399"]
    assert "retries" not in told.data
    rest("PATCH", one(api), {"retries": {"most": 1}})
    (routed,) = rest("GET", f"AM/{api.pk}").data["routing"][0]["upstreams"]
    assert (len(routed["hosts"]), routed["retries"]["most"]) == (2, 1)

    rest("PATCH", one(api), {"hosts": None, "healthCheck": None, "retries": None})

    assert api.upstreams.get().settings == {}
    api.refresh_from_db()
    assert api.revision == plain


def test_a_client_that_knows_none_takes_none_away(rest: Rest, api: ApiInstance) -> None:
    rest("PATCH", one(api), {"hosts": HOSTS, "healthCheck": CHECK})

    rest(
        "PATCH", f"AM/{api.pk}", {"routing": [{"upstreams": [{"uri": "http://orders:8080/", "weight": 100}]}]}
    )

    assert len(api.upstreams.get().told.hosts) == 2


def test_an_answer_may_be_sent_back_as_it_is(rest: Rest, api: ApiInstance) -> None:
    failover = {"address": "spare:8080", "path": "/backup"}
    told = rest("PATCH", one(api), {"hosts": HOSTS, "healthCheck": CHECK, "failover": failover})
    assert told.data["failover"] == failover
    api.refresh_from_db()
    before = api.revision

    answer = rest("PATCH", f"AM/{api.pk}", rest("GET", f"AM/{api.pk}").data)

    assert answer.status_code == 200, answer.data
    api.refresh_from_db()
    assert api.revision == before


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"hosts": HOSTS}, "hosts.1.backup: Nothing tells when it is needed"),
        ({"hosts": [{"address": "http://x"}]}, "hosts.0.address"),
        ({"hosts": [{"adress": "x"}]}, '"adress" is not a parameter'),
        ({"hosts": {"address": "x"}}, "hosts"),
        ({"hosts": [{"address": "x"}] * 101}, "hosts"),
        ({"healthCheck": {"kind": "https"}}, "healthCheck.kind"),
        ({"healthCheck": {"path": "/x"}}, "healthCheck.path: Nobody asks"),
        ({"loadBalancing": {"refuseWhileUnhealthy": True}}, "loadBalancing.refuseWhileUnhealthy"),
        ({"circuitBreaker": {}}, "There is no such field"),
        ({"limits": "x"}, "limits"),
    ],
)
def test_what_cannot_act_is_refused_where_it_was_said(
    rest: Rest, api: ApiInstance, body: dict[str, Any], said: str
) -> None:
    alone = rest("PATCH", one(api), body)
    assert alone.status_code == 400, alone.data
    assert said in alone.data["message"]

    if "circuitBreaker" not in body:
        routing = [{"upstreams": [{"uri": "http://orders:8080/", **body}]}]
        routed = rest("PATCH", f"AM/{api.pk}", {"routing": routing})
        assert routed.status_code == 400, routed.data
        assert f"routing.0.upstreams.0.{said}" in routed.data["message"] or '"adress"' in said
    assert api.upstreams.get().settings == {}


def test_what_may_not_be_meant_is_warned_about(rest: Rest, api: ApiInstance) -> None:
    answer = rest("PATCH", one(api), {"loadBalancing": {"algorithm": "sticky"}})

    assert "routing.0.upstreams.0.loadBalancing.algorithm" in answer.headers["Warning"]


def test_a_policy_and_a_setting_that_say_the_same_do_not_stand_together(rest: Rest, api: ApiInstance) -> None:
    breaker = {"assetId": "circuit-breaker", "configurationData": {"thresholds": {"maxRequests": 7}}}
    breaker["upstreamIds"] = [str(api.upstreams.get().pk)]
    outbound = f"AMX/apis/{api.pk}/policies/outbound-policies"
    rest("PATCH", one(api), {"limits": {"maxRequests": 5}})

    refused = rest("POST", outbound, breaker)
    assert refused.status_code == 400
    assert "keep one of the two" in refused.data["message"]

    rest("PATCH", one(api), {"limits": None})
    assert rest("POST", outbound, breaker).status_code == 201
    again = rest("PATCH", one(api), {"limits": {"maxRequests": 5}})
    assert again.status_code == 400
    assert "keep one of the two" in again.data["message"]


def test_what_is_exported_runs_the_same(rest: Rest, api: ApiInstance) -> None:
    api.refresh_from_db()
    before = api.revision
    assert before is not None
    settings = {
        "hosts": HOSTS,
        "healthCheck": CHECK,
        "loadBalancing": {"algorithm": "consistentHash", "hashOn": "header", "name": "x-tenant"},
        "timeouts": {"responseInMilliseconds": 500},
        "dns": {"refreshInSeconds": 30},
    }
    rest("PATCH", one(api), settings)
    api.refresh_from_db()
    assert api.revision is not None

    text = export.yaml_of(api.revision)

    loaded = load_text(text)
    assert loaded.is_sound, loaded.diagnostics
    (made,) = translate(loaded.resources).gateway.apis
    (upstream,) = made.upstreams
    assert upstream.settings == api.upstreams.get().told
    assert "null" not in text

    told = {(line.label, line.after) for line in between(before.content, api.revision.content).lines}
    assert ("Route 1, upstream 1, health check, path", "/health") in told
    assert ("Route 1, upstream 1, timeouts, response in milliseconds", "500") in told
    assert any("host" in label and "two:8080" in after for label, after in told)


def test_what_no_upstream_is_told_is_in_no_document(api: ApiInstance) -> None:
    (service,) = [one for one in rows.content_of(api).documents if one["kind"] == "Service"]

    assert service["spec"] == {"address": "http://orders:8080"}
