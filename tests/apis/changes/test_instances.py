"""What may be saved of an API, what is refused and why, and what a save leaves behind."""

from dataclasses import replace

import pytest
from django.core.exceptions import ValidationError

from apis.assets.models import WHAT_AN_ASSET_ID_IS, Asset
from apis.changes import instances
from apis.desired import DesiredApi, DesiredRoute, DesiredUpstream, NewAsset, desired_of
from apis.lint.routes import warnings
from apis.models import ApiInstance
from apis.rest.serializers import SpecBody
from apis.rules.instances import validate
from console import audit
from console.models import User
from gateways.models import Gateway
from tests.factories import make_environment, make_gateway, make_organization

pytestmark = pytest.mark.django_db


@pytest.fixture
def gateway() -> Gateway:
    return make_gateway(name="local")


def desired(gateway: Gateway | None, name: str = "Orders API", **fields: object) -> DesiredApi:
    whole = DesiredApi(
        asset=NewAsset(name),
        gateway=gateway,
        base_path="/orders",
        routes=[DesiredRoute(upstreams=[DesiredUpstream("http://backend:9000")])],
    )
    return replace(whole, **fields)


def routed(*upstreams: DesiredUpstream, **rules: object) -> list[DesiredRoute]:
    return [DesiredRoute(upstreams=list(upstreams), **rules)]


def generation(gateway: Gateway) -> int:
    return Gateway.objects.get(pk=gateway.pk).generation


def faults(gateway: Gateway, **fields: object) -> dict[str, list[str]]:
    return validate(gateway.environment, desired(gateway, **fields))


def test_saving_leaves_the_gateway_alone_until_deployed(actor: User, gateway: Gateway) -> None:
    api = instances.create_api(actor, gateway.environment, desired(gateway))
    assert (api.is_deployed, generation(gateway)) == (False, 0)

    instances.deploy_api(actor, api)

    assert (api.is_deployed, generation(gateway), api.changed_generation) == (True, 1, 1)


def test_a_slash_at_the_end_of_the_base_path_goes(actor: User, gateway: Gateway) -> None:
    api = instances.create_api(actor, gateway.environment, desired(gateway, base_path=" /orders/ "))

    assert api.base_path == "/orders"


@pytest.mark.parametrize(
    ("asset_id", "said"),
    [
        ("Orders_v1.2-eu", []),
        ("a" * 120, []),
        *((bad, [WHAT_AN_ASSET_ID_IS]) for bad in ("a/b", "ä", "a" * 121)),
    ],
)
def test_an_asset_id_is_what_rest_says_that_it_is(gateway: Gateway, asset_id: str, said: list[str]) -> None:
    found = faults(gateway, asset=NewAsset("Orders API", asset_id))
    spec = SpecBody(data={"assetId": asset_id, "version": "1.0.0"})

    assert found.get("asset.asset_id", []) == said
    assert spec.is_valid() == (not said)
    assert spec.errors.get("assetId", []) == said


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("orders", 'must start with "/"; write "/orders"'),
        ("", "Write a base path"),
        ("/a//b", "segment that is empty"),
        ("/a/../b", "segment that is empty or starts with"),
        ("/a b", 'holds " "'),
        ("/a?b", 'holds "?"'),
        ("/{id}", 'holds "{"'),
        ("/ü", 'holds "ü"'),
    ],
)
def test_a_bad_base_path_is_refused(gateway: Gateway, path: str, words: str) -> None:
    assert words in faults(gateway, base_path=path)["base_path"][0]


@pytest.mark.parametrize(
    ("other", "clashes"),
    [
        ("/orders", True),
        ("/orders/eu", True),
        ("/", True),
        ("/order", False),
        ("/orders-eu", False),
        ("/cats", False),
    ],
)
def test_base_paths_of_one_port_do_not_overlap(
    actor: User, gateway: Gateway, other: str, clashes: bool
) -> None:
    first = instances.create_api(actor, gateway.environment, desired(gateway))

    found = faults(gateway, name="Cats API", base_path=other)

    assert ("base_path" in found) == clashes
    if clashes:
        assert str(first) in found["base_path"][0]
    assert "base_path" not in faults(gateway, name="Cats API", base_path=other, port=8082)


def test_an_api_does_not_overlap_itself(actor: User, gateway: Gateway) -> None:
    api = instances.create_api(actor, gateway.environment, desired(gateway))

    instances.edit_api(actor, api, replace(desired_of(api), base_path="/orders/v2"))

    assert ApiInstance.objects.get().base_path == "/orders/v2"


def test_moving_onto_anothers_base_path_is_refused(actor: User, gateway: Gateway) -> None:
    instances.create_api(actor, gateway.environment, desired(gateway))
    other = make_gateway(gateway.environment)
    api = instances.create_api(actor, gateway.environment, desired(other, "Cats API"), deploy=True)

    with pytest.raises(ValidationError) as refused:
        instances.deploy_api(actor, api, gateway)

    assert refused.value.error_dict["base_path"][0].code == "conflict"
    assert ApiInstance.objects.get(pk=api.pk).gateway_id == other.pk


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"port": 0}, "port", "from 1 to 65535"),
        ({"port": 65536}, "port", "from 1 to 65535"),
        ({"protocol": "https"}, "tls_context", "needs a TLS context"),
        ({"protocol": "ftp"}, "protocol", "not a protocol"),
        ({"consumer_endpoint": "api.example"}, "consumer_endpoint", "not a URL"),
        ({"routes": []}, "routes", "at least one route"),
        ({"routes": [DesiredRoute()]}, "routes.0.upstreams", "at least one upstream"),
        ({"asset": NewAsset("")}, "asset.name", "Give the API a name"),
        ({"asset": NewAsset("A", version="one two")}, "asset.version", "not a version"),
    ],
)
def test_bad_fields_are_refused_with_the_remedy(
    gateway: Gateway, fields: dict[str, object], field: str, words: str
) -> None:
    assert words in faults(gateway, **fields)[field][0]


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("", "Write the upstream's URL"),
        ("backend:9000", 'has no scheme; write "http://backend:9000"'),
        ("ftp://backend", "write http://, https:// or h2://"),
        ("http://", "no host name"),
        ("http://backend:99999", "the port is not a number from 1 to 65535"),
        ("http://backend:0", "the port is not a number from 1 to 65535"),
        ("http://u:p@backend", "credentials"),
        ("http://999.1.1.1", "no host name"),
        ("http://back end", "no host name"),
        ("http://[::1", "a host that is not one"),
    ],
)
def test_a_bad_upstream_is_refused(gateway: Gateway, uri: str, words: str) -> None:
    found = faults(gateway, routes=routed(DesiredUpstream(uri)))

    assert words in found["routes.0.upstreams.0.uri"][0]


@pytest.mark.parametrize(
    "uri", ["http://localhost:9000", "https://api.example.com/v2/", "h2://10.0.0.1:50051", "http://[::1]:80"]
)
def test_a_good_upstream_is_taken_without_a_warning(gateway: Gateway, uri: str) -> None:
    routes = routed(DesiredUpstream(uri))

    assert faults(gateway, routes=routes) == {}
    assert warnings(desired(gateway, routes=routes)) == {}


@pytest.mark.parametrize(
    "uri",
    [
        "http://backend/orders/17",
        "http://backend/orders/{id}",
        "http://backend/orders.json",
        "http://backend/orders?page=1",
        "http://backend/5f2b8c1e-4a3d-4e2f-9b1a-0c9d8e7f6a5b",
    ],
)
def test_a_full_resource_is_warned_about(gateway: Gateway, uri: str) -> None:
    whole = desired(gateway, routes=routed(DesiredUpstream(uri)))

    assert "base path only, not a resource" in warnings(whole)["routes.0.upstreams.0.uri"][0]
    assert validate(gateway.environment, whole) == {}


@pytest.mark.parametrize("weights", [[50, 40], [100, 100], [-10, 110], [0]])
def test_weights_that_do_not_sum_to_100_are_refused(gateway: Gateway, weights: list[int]) -> None:
    upstreams = [DesiredUpstream(f"http://b{n}", weight=weight) for n, weight in enumerate(weights)]

    assert "routes.0.weights" in faults(gateway, routes=routed(*upstreams))


@pytest.mark.parametrize("pattern", ["(", "(?=a)", "(?<!a)b", r"(a)\1", "(?>a)", "a{2000}"])
def test_an_expression_that_re2_refuses_is_refused(gateway: Gateway, pattern: str) -> None:
    upstream = DesiredUpstream("http://b")

    assert "routes.0.path" in faults(gateway, routes=routed(upstream, path=pattern))
    assert "routes.0.headers" in faults(gateway, routes=routed(upstream, headers={"x": pattern}))


def test_a_method_that_is_none_is_refused(gateway: Gateway) -> None:
    found = faults(gateway, routes=routed(DesiredUpstream("http://b"), methods="GET|PSOT"))

    assert '"PSOT" is not a method' in found["routes.0.methods"][0]


def test_a_gateway_of_another_environment_is_refused(gateway: Gateway) -> None:
    found = validate(make_environment(), desired(gateway))

    assert "is not in environment" in found["gateway"][0]


def test_an_asset_of_another_organization_is_refused(gateway: Gateway) -> None:
    foreign = Asset.objects.create(organization=make_organization(), asset_id="x", name="X")

    assert "is not an asset of" in faults(gateway, asset=foreign)["asset"][0]


def test_an_asset_of_an_organization_above_is_taken(actor: User) -> None:
    root = make_organization()
    gateway = make_gateway(make_environment(make_organization(parent=root)))
    asset = Asset.objects.create(organization=root, asset_id="x", name="X")

    assert faults(gateway, asset=asset) == {}


def test_a_second_instance_of_an_asset_needs_a_label_of_its_own(actor: User, gateway: Gateway) -> None:
    first = instances.create_api(actor, gateway.environment, desired(gateway))

    second = desired(gateway, asset=first.asset, base_path="/two")

    assert "label" in validate(gateway.environment, second)
    assert validate(gateway.environment, replace(second, label="eu")) == {}


def test_a_refused_draft_saves_nothing(actor: User, gateway: Gateway) -> None:
    with pytest.raises(ValidationError):
        instances.create_api(actor, gateway.environment, desired(gateway, port=0), deploy=True)

    assert Asset.objects.count() == ApiInstance.objects.count() == generation(gateway) == 0


def test_an_edit_keeps_the_upstreams_that_stay(actor: User, gateway: Gateway) -> None:
    api = instances.create_api(
        actor,
        gateway.environment,
        desired(
            gateway,
            routes=routed(DesiredUpstream("http://a", weight=90), DesiredUpstream("http://b", weight=10)),
        ),
    )
    before = {upstream.uri: upstream.pk for upstream in api.upstreams.all()}

    kept = [DesiredUpstream("http://a", weight=50), DesiredUpstream("http://c", weight=50)]
    instances.edit_api(actor, api, replace(desired_of(api), routes=routed(*kept)))

    after = {upstream.uri: upstream.pk for upstream in api.upstreams.all()}
    assert set(after) == {"http://a", "http://c"}
    assert after["http://a"] == before["http://a"]


def test_an_upstream_id_of_another_api_is_refused(actor: User, gateway: Gateway) -> None:
    first = instances.create_api(actor, gateway.environment, desired(gateway))
    api = instances.create_api(actor, gateway.environment, desired(gateway, "Cats API", base_path="/cats"))

    foreign = routed(DesiredUpstream("http://b", id=first.upstreams.get().pk))

    found = validate(gateway.environment, replace(desired_of(api), routes=foreign), api)
    assert "routes.0.upstreams.0.id" in found


def test_a_move_raises_both_gateways(actor: User, gateway: Gateway) -> None:
    other = make_gateway(gateway.environment)
    api = instances.create_api(actor, gateway.environment, desired(gateway), deploy=True)

    instances.deploy_api(actor, api, other)

    assert (generation(gateway), generation(other)) == (2, 1)
    assert api.changed_generation == 1


def test_an_edit_that_changes_nothing_pushes_nothing(actor: User, gateway: Gateway) -> None:
    api = instances.create_api(actor, gateway.environment, desired(gateway), deploy=True)

    instances.edit_api(actor, api, desired_of(api))

    assert generation(gateway) == 1
    assert audit.history(api).count() == 1


def test_a_delete_takes_the_api_off_its_gateway(actor: User, gateway: Gateway) -> None:
    api = instances.create_api(actor, gateway.environment, desired(gateway), deploy=True)

    instances.delete_api(actor, api)

    assert generation(gateway) == 2
    assert not ApiInstance.objects.exists()


def test_each_change_is_in_the_history(actor: User, gateway: Gateway) -> None:
    api = instances.create_api(actor, gateway.environment, desired(gateway))
    instances.edit_api(actor, api, replace(desired_of(api), port=8090))
    instances.set_deprecated(actor, api, True)

    deprecated, edited, created = audit.history(api)

    assert created.diff["address"] == [None, "http://0.0.0.0:8081/orders"]
    assert edited.diff == {"address": ["http://0.0.0.0:8081/orders", "http://0.0.0.0:8090/orders"]}
    assert deprecated.diff == {"deprecated": [False, True]}
    assert deprecated.actor == actor
