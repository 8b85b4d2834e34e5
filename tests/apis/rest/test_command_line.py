"""API instances as the command line client works with them: the requests that it makes, one after another."""

import pytest

from apis.changes.owners import add_owner
from apis.models import ApiInstance
from console.models import AuditEntry, Environment, Role
from gateways.models import Gateway
from tests.apis.rest.bodies import manage, refused
from tests.factories import make_actor, make_replica, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db
DESCRIBED = (
    *("id", "instanceLabel", "assetId", "assetVersion", "deprecated", "tags", "productVersion", "technology"),
    *("isPublic", "environmentId", "lastActiveDate", "endpointUri", "endpoint", "deployment"),
)
OF_ENDPOINT = (
    *("muleVersion4OrAbove", "deploymentType", "proxyUri", "responseTimeout", "uri", "type", "wsdlConfig"),
    "tlsContexts",
)


@pytest.fixture
def made(rest: Rest, environment: Environment) -> int:
    """api:manage --isFlex --withProxy"""
    answer = rest("POST", "AM", manage(environment))
    assert answer.status_code == 201, answer.data
    return int(answer.data["id"])


def edited(**fields: object) -> dict[str, object]:
    """The body of api:edit, which has every key of the endpoint whatever was asked for."""
    endpoint = {
        **dict.fromkeys(("type", "isCloudHub", "referencesUserDomain", "muleVersion4OrAbove")),
        **{"uri": "http://backend.test/", "proxyUri": None, "deploymentType": "HY", "responseTimeout": None},
    }
    return {"endpoint": endpoint} | fields


def test_list_describe(rest: Rest, made: int) -> None:
    asked = "limit=10&offset=0&sort=createdDate&ascending=false&productVersion=v1&assetId=orders-api"
    [asset] = rest("GET", f"AM?{asked}").data["assets"]
    assert asset["exchangeAssetName"] == "Orders api"
    assert [one["id"] for one in asset["apis"]] == [made]

    found = rest("GET", f"AM/{made}?includeTlsContexts=true").data

    assert [name for name in DESCRIBED if name not in found] == []
    assert [name for name in OF_ENDPOINT if name not in found["endpoint"]] == []
    assert (found["technology"], found["deployment"]) == ("flexGateway", None)


def test_edit(rest: Rest, made: int) -> None:
    assert rest("GET", f"AM/{made}").data["endpoint"]["deploymentType"] == "HY"

    body = edited(instanceLabel="eu", endpointUri="https://api.example.com/orders", technology="flexGateway")
    answer = rest("PATCH", f"AM/{made}?updateApisInSamePort=true", body)

    assert (answer.status_code, answer.data["id"]) == (200, made)
    api = ApiInstance.objects.get()
    assert (api.label, api.consumer_endpoint, api.base_path) == (
        "eu",
        "https://api.example.com/orders",
        "/orders",
    )


def test_deprecate_and_undeprecate(rest: Rest, made: int) -> None:
    for is_deprecated in (True, False):
        answer = rest("PATCH", f"AM/{made}", {"deprecated": is_deprecated})
        assert (answer.status_code, answer.data["deprecated"]) == (200, is_deprecated)


def test_change_specification(rest: Rest, made: int) -> None:
    answer = rest("PATCH", f"AM/{made}", {"assetVersion": "1.0.1"})

    assert (answer.status_code, answer.data["assetVersion"]) == (200, "1.0.1")
    refused(rest("PATCH", f"AM/{made}", {"assetVersion": "not a version"}), 400, "assetVersion")


def test_deploy_and_redeploy(rest: Rest, made: int, environment: Environment, gateway: Gateway) -> None:
    make_replica(gateway)
    assert rest("GET", f"PX/{made}/deployments").data == []
    assert rest("GET", f"AM/{made}").data["deployment"] is None
    e = environment.pk
    target = rest("GET", f"AMX/gateway-targets/{gateway.pk}?enviromentId={e}&targetId={gateway.pk}").data
    body = {
        "type": "HY",
        "gatewayVersion": target["gatewayVersion"],
        "targetId": str(gateway.pk),
        "targetName": target["name"],
        "targetType": target["type"],
        "environmentId": str(e),
        "environmentName": environment.name,
    }
    assert rest("POST", f"PX/{made}/deployments", body).status_code == 201

    [deployment] = rest("GET", f"PX/{made}/deployments").data
    gone = ("masterOrganizationId", "organizationId", "remoteSystemId")
    again = {name: value for name, value in deployment.items() if name not in gone}
    answer = rest(
        "PATCH", f"PX/{made}/deployments/{deployment['id']}", again | {"expectedStatus": "deployed"}
    )

    assert answer.status_code == 200, answer.data
    assert rest("GET", f"AM/{made}").data["deployment"]["targetId"] == str(gateway.pk)
    assert ApiInstance.objects.get().is_deployed


def test_autodiscovery(rest: Rest, made: int) -> None:
    found = rest("GET", f"AM/{made}/autodiscoveryProperties?gatewayVersion=3.9.0").data

    assert (found["apiId"], found["apiVersion"]) == (made, f"v1:{made}")
    assert not any(isinstance(value, dict | list) for value in found.values())


def test_delete(rest: Rest, made: int) -> None:
    assert rest("DELETE", f"AM/{made}").status_code == 204
    assert rest("GET", f"AM/{made}").status_code == 404


def test_tags_one_by_one(rest: Rest, made: int) -> None:
    for tag in ("eu", "squad a", "eu"):
        answer = rest("PUT", f"AM/{made}/tags/{tag.replace(' ', '%20')}")
        assert answer.status_code == 200
    assert answer.data == {"tags": ["eu", "squad a"]}
    refused(rest("PUT", f"AM/{made}/tags/{'x' * 61}"), 400, "1 to 60 characters")
    for sign in ("%00", "%0A"):
        refused(rest("PUT", f"AM/{made}/tags/a{sign}b"), 400, "a control character or a line break")
    for _ in range(2):
        assert rest("DELETE", f"AM/{made}/tags/eu").status_code == 204
    assert rest("GET", f"AM/{made}").data["tags"] == ["squad a"]
    assert AuditEntry.objects.filter(action="update", object_type="apiinstance").count() == 3


def test_lists_of_what_is_marked(rest: Rest, made: int, environment: Environment) -> None:
    other = {"uri": "http://b", "proxyUri": "http://0.0.0.0:8081/b"}
    rest("POST", "AM", manage(environment, instanceLabel="b", endpoint=other, deprecated=True))
    rest("PUT", f"AM/{made}/tags/eu")
    add_owner(make_actor(), ApiInstance.objects.get(pk=made), "team@example.com")

    for asked in ("tag=eu", "owner=team@example.com", "deprecated=false", "tag=eu&deprecated=false"):
        assert rest("GET", f"AM?{asked}").data["total"] == 1, asked
    assert rest("GET", "AM?tag=eu&deprecated=true").data["total"] == 0
    assert rest("GET", "AM").data["total"] == 2


def test_owners(rest: Rest, made: int, environment: Environment) -> None:
    make_role(make_user("ada", email="ada@example.com"), environment.organization, Role.Name.VIEWER)

    answer = rest("PUT", f"AM/{made}/owners", {"owners": ["ada", "Team@example.com"]})

    assert answer.status_code == 200, answer.data
    found = rest("GET", f"AM/{made}/owners").data
    assert found == answer.data
    assert [(one["username"], one["email"]) for one in found["owners"]] == [
        ("ada", "ada@example.com"),
        (None, "team@example.com"),
    ]
    refused(rest("PUT", f"AM/{made}/owners", {"owners": ["nobody"]}), 400, "owners", "neither a user")
    refused(rest("PUT", f"AM/{made}/owners", {"owners": [], "x": 1}), 400, "no such field")
    assert rest("GET", f"AM/{made}/owners").data["total"] == 2
