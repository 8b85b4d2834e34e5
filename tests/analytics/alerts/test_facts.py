"""Alerts that look at gateways, certificates and deployments."""

from datetime import timedelta

import pytest
from django.utils import timezone

from analytics.alerts import rounds
from analytics.alerts.models import Alert
from apis.certificates import self_signed
from apis.models import TlsContext
from apis.secret_groups.models import Secret
from gateways.models import Replica, ResourceStatus
from tests.analytics.alerts.watching import make_alert, open_incidents, told
from tests.factories import (
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
