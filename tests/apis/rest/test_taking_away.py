"""An instance as files of Local Mode, and one that moves to another environment."""

import io
import zipfile

import pytest
import yaml

from analytics.alerts.covered import Covered
from apis.models import ApiInstance, PolicyBinding
from console.models import AuditEntry, Environment
from gateways.models import Gateway
from tests.analytics.alerts.watching import make_alert
from tests.apis.rest.bodies import manage, policy, refused
from tests.factories import make_api, make_environment, make_gateway, make_tls_context
from tests.rest import Rest

pytestmark = pytest.mark.django_db


def classified(rest: Rest, api: ApiInstance, goal: Environment) -> object:
    path = f"organizations/{api.environment.organization_id}/apis/{api.asset_id}/versions/{api.pk}/classify"
    return rest("POST", f"/apiplatform/repository/v2/{path}", {"environmentId": str(goal.pk)})


def test_the_zip_runs_without_a_console(rest: Rest, environment: Environment) -> None:
    pk = rest("POST", "AM", manage(environment)).data["id"]
    secret = {"username": "ann", "password": "correct-horse"}
    body = policy(assetId="http-basic-authentication", assetVersion=None, configurationData=secret)
    assert rest("POST", f"AM/{pk}/policies", body).status_code == 201

    answer = rest.client.get(rest.address(f"PX/{pk}/proxy?gatewayVersion=3.9.0"), headers=rest.headers)

    assert f'filename="orders-api-1.0.0-{pk}.zip"' in answer["Content-Disposition"]
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    text = archive.read(f"orders-api-1.0.0-{pk}.yaml").decode()
    assert "correct-horse" not in text
    kinds = [one["kind"] for one in yaml.safe_load_all(text)]
    assert kinds.count("ApiInstance") == 1 and "PolicyBinding" in kinds
    again = rest.client.get(rest.address(f"PX/{pk}/proxy"), headers=rest.headers)
    assert again.content == answer.content


def test_an_api_moves_with_its_id(rest: Rest, environment: Environment, gateway: Gateway) -> None:
    goal = make_environment(environment.organization)
    api = make_api(gateway, is_deployed=False)

    answer = classified(rest, api, goal)

    assert (answer.status_code, answer.data["id"]) == (200, api.pk)  # type: ignore[attr-defined]
    api.refresh_from_db()
    assert (api.environment, api.gateway) == (goal, None)
    told = AuditEntry.objects.filter(object_id=str(api.pk))
    assert {one.environment for one in told} == {environment, goal}


def test_what_cannot_move_stays(rest: Rest, environment: Environment, gateway: Gateway) -> None:
    goal = make_environment(environment.organization)
    deployed = make_api(gateway)
    held = make_api(gateway, is_deployed=False, protocol="https", tls_context=make_tls_context(environment))
    for api in (deployed, held):
        refused(classified(rest, api, goal), 400, "environmentId")
    free = make_api(gateway, is_deployed=False)
    refused(classified(rest, free, make_environment()), 404)
    other = make_api(make_gateway(make_environment()), is_deployed=False)
    refused(classified(rest, other, goal), 404)
    free.refresh_from_db()
    assert free.environment == environment


def test_alerts_go_along_and_tell_nothing_to_where_it_was(
    rest: Rest, environment: Environment, gateway: Gateway
) -> None:
    goal = make_environment(environment.organization)
    api = make_api(gateway, is_deployed=False)
    alert = make_alert(api)

    assert classified(rest, api, goal).status_code == 200  # type: ignore[attr-defined]

    alert.refresh_from_db()
    assert (alert.environment, alert.edition) == (goal, 1)
    alert.environment = environment
    alert.save()
    other = make_alert(make_api(make_gateway(goal)))
    assert Covered([alert, other]).of(alert) == {}


def test_secrets_that_are_not_there_keep_it_here(
    rest: Rest, environment: Environment, gateway: Gateway
) -> None:
    goal = make_environment(environment.organization)
    api = make_api(gateway, is_deployed=False)
    config = {"username": "ann", "password": "${secret:shop/partner}"}
    PolicyBinding.objects.create(api=api, policy="http-basic-authentication", config=config, order=1)

    refused(classified(rest, api, goal), 400, "environmentId", "shop/partner")
