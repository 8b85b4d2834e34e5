"""Alerts that look at gateways, certificates, deployments and upstreams."""

from datetime import timedelta

import pytest
from django.utils import timezone

from analytics.alerts import rounds
from analytics.alerts.models import Alert
from apis import resource_names
from apis.certificates import self_signed
from apis.changes import authorities
from apis.changes.tls_contexts import DesiredTlsContext, create_tls_context
from apis.models import ApiInstance, TlsContext
from apis.secret_groups.authority import Issued
from apis.secret_groups.models import Secret
from console.notices.models import Notice
from gateways.models import Replica, ResourceStatus
from tests.analytics.alerts.watching import make_alert, open_incidents, told
from tests.factories import (
    make_actor,
    make_api,
    make_gateway,
    make_replica,
    make_secret,
    make_secret_group,
    make_tls_context,
)

pytestmark = pytest.mark.django_db


def look(minutes: int = 0) -> None:
    rounds.run(timezone.now() + timedelta(minutes=minutes) + rounds.GRACE)


def test_a_gateway_that_is_away_is_told_of_once_and_when_it_is_back() -> None:
    api = make_api()
    gateway = api.gateway
    assert gateway
    make_gateway(gateway.environment)  # has no replica yet
    replica = make_replica(gateway)
    make_alert(api, type=Alert.Type.AWAY, about=Alert.About.ENVIRONMENT, window_minutes=5)
    look()
    assert told() == []

    Replica.objects.filter(pk=replica.pk).update(last_heartbeat_at=timezone.now() - timedelta(minutes=6))
    look(1)
    look(2)
    assert told() == [f"{gateway.name} Alerting"]
    Replica.objects.filter(pk=replica.pk).update(last_heartbeat_at=timezone.now() + timedelta(hours=1))
    look(3)
    look(4)

    assert told() == [f"{gateway.name} Alerting", f"{gateway.name} OK"]


def test_one_gateways_alert_is_not_about_another() -> None:
    api = make_api()
    other = make_gateway(api.environment)
    make_replica(other, last_heartbeat_at=timezone.now() - timedelta(hours=1))
    make_alert(api, type=Alert.Type.AWAY, about=Alert.About.GATEWAY, gateway=api.gateway)
    look()

    assert told() == []


def test_certificates_that_end_are_told_of_with_their_days() -> None:
    api = make_api()
    certificate, key = self_signed(["localhost"])  # for 90 days
    context = make_tls_context(api.environment, name="edge", certificate=certificate, key=key)
    make_tls_context(api.environment, name="unused", certificate=certificate, key=key)
    api.tls_context, api.protocol = context, "https"
    api.save()
    make_alert(api, type=Alert.Type.CERTIFICATE, about=Alert.About.ENVIRONMENT, threshold=100)
    make_alert(api, type=Alert.Type.CERTIFICATE, about=Alert.About.ENVIRONMENT, threshold=80)
    make_alert(make_api(api.gateway), type=Alert.Type.CERTIFICATE, threshold=100)
    look()

    assert told() == ["edge Alerting"]
    assert TlsContext.objects.count() == 2


def test_secrets_that_end_are_the_environments() -> None:
    api = make_api()
    secret = make_secret(make_secret_group(api.environment, name="edge"), name="store")
    Secret.objects.filter(pk=secret.pk).update(expires_at=timezone.now() + timedelta(days=5))
    ends = {"type": Alert.Type.CERTIFICATE, "threshold": 7}
    make_alert(api, about=Alert.About.ENVIRONMENT, **ends)
    make_alert(api, **ends)
    look()

    assert told() == ["edge/store Alerting"]


def test_a_keystore_of_the_private_ca_is_told_of_when_its_renewal_is_overdue() -> None:
    api, user = make_api(), make_actor()
    authorities.begin(user, api.environment)
    group = make_secret_group(api.environment)
    store = authorities.issue_keystore(user, group, "edge", "gateway", ["localhost"], days=30)
    context = create_tls_context(user, api.environment, DesiredTlsContext("edge", keystore=store))
    ApiInstance.objects.update(tls_context=context, protocol="https")
    make_alert(api, type=Alert.Type.CERTIFICATE, about=Alert.About.ENVIRONMENT, threshold=40)

    look()
    assert told() == [] and not store.expires_soon and context.facts and context.facts.lasts
    Issued.objects.update(expires_at=timezone.now() + timedelta(days=9))
    look(10)

    assert told() == ["edge Alerting"]


def test_a_refused_deployment_is_told_of_until_it_is_applied() -> None:
    api = make_api(name="Orders")
    assert api.gateway
    answer = ResourceStatus.objects.create(
        replica=make_replica(api.gateway, last_heartbeat_at=timezone.now() + timedelta(hours=1)),
        namespace=str(api.environment_id),
        name=api.resource_name,
        state="refused",
        generation=1,
        since=timezone.now(),
    )
    make_alert(api, type=Alert.Type.DEPLOYMENT)
    look()
    assert (told(), open_incidents()) == (["Orders Alerting"], ["Orders"])

    ResourceStatus.objects.filter(pk=answer.pk).update(state="applied")
    look(1)
    look(2)

    assert told() == ["Orders Alerting", "Orders OK"]


def telling(api: ApiInstance, told: dict[str, object], *, of: ApiInstance | None = None) -> Replica:
    """A replica of the API's gateway, and what it tells of an upstream: of its own API or another."""
    of = of or api
    name = f"{of.environment_id}/{resource_names.of_upstream(of.pk, '0123456789abcdef')}"
    assert api.gateway
    heard = timezone.now() + timedelta(hours=1)
    return make_replica(api.gateway, last_heartbeat_at=heard, envoy={"upstreams": {name: told}})


BAD = {"healthy": 0, "total": 2, "unhealthy": ["10.0.0.1:80"], "unknown": 1}


def test_an_unhealthy_upstream_is_told_of_until_it_is_well() -> None:
    api = make_api(name="Orders")
    make_alert(api, type=Alert.Type.UPSTREAM)
    make_alert(make_api(api.gateway), type=Alert.Type.UPSTREAM)
    replica = telling(api, BAD)
    look()
    assert (told(), open_incidents()) == (["Orders Alerting"], ["Orders"])
    assert Notice.objects.get().text == "Upstream unhealthy no host is well"

    ((name, _),) = replica.envoy["upstreams"].items()
    Replica.objects.filter(pk=replica.pk).update(envoy={"upstreams": {name: BAD | {"healthy": 1}}})
    look(1)
    look(2)

    assert told() == ["Orders Alerting", "Orders OK"]


@pytest.mark.parametrize(
    "said",
    [
        {**BAD, "healthy": 1},
        {"healthy": 0, "unknown": 2, "total": 2},
        {"healthy": "x"},
        [],
        None,
        {**BAD, "healthy": -1},
    ],
)
def test_what_is_not_known_to_be_unhealthy_is_not_told_of(said: dict[str, object]) -> None:
    api = make_api()
    make_alert(api, type=Alert.Type.UPSTREAM)
    telling(api, said)
    look()

    assert told() == []


def test_a_replica_tells_of_its_own_gateways_apis_alone_and_while_it_reports() -> None:
    api, other = make_api(), make_api()
    near = make_api(make_gateway(api.environment))
    idle = make_api(api.gateway, is_deployed=False)
    for one in (api, near, other, idle):
        make_alert(one, type=Alert.Type.UPSTREAM, about=Alert.About.ENVIRONMENT)
    telling(near, BAD, of=api)
    telling(other, BAD, of=api)
    telling(api, BAD, of=idle)
    gone = telling(api, BAD)
    Replica.objects.filter(pk=gone.pk).update(last_heartbeat_at=timezone.now() - timedelta(hours=1))
    assert api.gateway
    make_replica(
        api.gateway, last_heartbeat_at=timezone.now() + timedelta(hours=1), envoy={"upstreams": ["x"]}
    )
    make_replica(api.gateway, last_heartbeat_at=timezone.now() + timedelta(hours=1), envoy={})
    look()

    assert told() == []
