"""The example APIs of `manage.py up --demo`, and the calls that their users make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from apis.assets.models import Asset
from apis.changes import ingress, instances, policies
from apis.desired import DesiredApi, DesiredRoute, DesiredUpstream, NewAsset
from apis.models import ApiInstance
from console.models import User
from console.stack import ports
from gateways.models import Gateway

AUTHORIZATION = ("demo", "demo-password")
OFFICE, STRANGER = {"X-Forwarded-For": "10.1.2.3"}, {"X-Forwarded-For": "203.0.113.9"}


@dataclass(frozen=True)
class Example:
    name: str
    base_path: str
    description: str
    policies: Sequence[tuple[str, Mapping[str, Any]]]
    is_deployed: bool = True


EXAMPLES = (
    Example(
        "Orders",
        "/orders",
        "Places and follows orders. Callers name themselves, and each may call 100 times in ten seconds.",
        (
            ("http-basic-authentication", {"username": AUTHORIZATION[0], "password": AUTHORIZATION[1]}),
            (
                "rate-limiting",
                {
                    "rateLimits": [{"maximumRequests": 100, "timePeriodInMilliseconds": 10_000}],
                    "exposeHeaders": True,
                },
            ),
        ),
    ),
    Example(
        "Catalog",
        "/catalog",
        "The products, for everyone; a caller who asks too often has to wait.",
        (
            ("cors", {"publicResource": True}),
            ("rate-limiting", {"rateLimits": [{"maximumRequests": 40, "timePeriodInMilliseconds": 10_000}]}),
            ("header-injection", {"outboundHeaders": [{"key": "X-Served-By", "value": "gatewright"}]}),
        ),
    ),
    Example(
        "Partners",
        "/partners",
        "For callers from the company's own network.",
        (("ip-allowlist", {"ips": ["10.0.0.0/8"]}), ("header-removal", {"inboundHeaders": ["x-debug"]})),
    ),
    Example("Payments", "/payments", "Saved and not deployed yet.", (), is_deployed=False),
)


@dataclass(frozen=True)
class DemoCall:
    """One kind of request; `weight` is how often it is made beside the others."""

    weight: int
    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    auth: tuple[str, str] | None = None


CALLS = (
    DemoCall(20, "GET", "/orders/v1/orders?delay_ms=12", auth=AUTHORIZATION),
    DemoCall(12, "GET", "/orders/v1/orders/1042?delay_ms=4", auth=AUTHORIZATION),
    DemoCall(6, "POST", "/orders/v1/orders?status=201&delay_ms=35", auth=AUTHORIZATION),
    DemoCall(1, "DELETE", "/orders/v1/orders/1042?status=404", auth=AUTHORIZATION),
    DemoCall(1, "GET", "/orders/v1/orders?status=503&delay_ms=150", auth=AUTHORIZATION),
    DemoCall(1, "GET", "/orders/v1/orders"),
    DemoCall(1, "GET", "/orders/v1/orders", auth=(AUTHORIZATION[0], "guessed")),
    DemoCall(30, "GET", "/catalog/products?delay_ms=8"),
    DemoCall(12, "GET", "/catalog/products/7?delay_ms=3"),
    DemoCall(2, "GET", "/catalog/search?delay_ms=90"),
    DemoCall(10, "GET", "/partners/contracts?delay_ms=20", headers=OFFICE),
    DemoCall(4, "PUT", "/partners/contracts/3?delay_ms=25", headers=OFFICE),
    DemoCall(2, "GET", "/partners/contracts", headers=STRANGER),
)


def ensure_examples(gateway: Gateway, echo_url: str) -> int:
    """Add the examples that are missing; returns the port of the gateway that they listen on."""
    actor = User.objects.filter(is_superuser=True, is_active=True).order_by("date_joined").first()
    assert actor is not None
    known = ApiInstance.objects.filter(gateway=gateway, label="demo").first()
    if not gateway.trusted_networks:
        # The callers are played from this machine, as a proxy would bring them.
        ingress.change(actor, gateway, {**ingress.of(gateway), "networks": ["127.0.0.1"]})
    port = known.port if known else ports.prefer("0.0.0.0", 8081)  # noqa: S104 where Envoy listens
    for example in EXAMPLES:
        if not ApiInstance.objects.filter(
            gateway=gateway, base_path=example.base_path, label="demo"
        ).exists():
            _add(actor, gateway, example, echo_url, port)
    return port


def _add(actor: User, gateway: Gateway, example: Example, echo_url: str, port: int) -> None:
    asset_id = f"demo-{example.base_path[1:]}"
    organization = gateway.environment.organization
    known = Asset.objects.filter(organization=organization, asset_id=asset_id).first()
    desired = DesiredApi(
        asset=known or NewAsset(example.name, asset_id=asset_id),
        gateway=gateway,
        port=port,
        base_path=example.base_path,
        label="demo",
        description=example.description,
        routes=[DesiredRoute(upstreams=[DesiredUpstream(echo_url)])],
    )
    api = instances.create_api(actor, gateway.environment, desired)
    for name, config in example.policies:
        policies.apply_policy(actor, api, name, dict(config))
    if example.is_deployed:
        instances.deploy_api(actor, api)
