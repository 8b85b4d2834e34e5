"""The realm of a challenge: what people call the API, and no other API's of the port."""

import json

import pytest

from tests.traffic.gateway import Gateway

pytestmark = pytest.mark.envoy

API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: NAME, labels: LABELS}
spec:
  address: http://127.0.0.1:${port}/NAME
  services: {backend: {address: "${upstream}"}}
  policies: [{policyRef: {name: http-basic-authentication}, config: {username: ann, password: x}}]
"""
REALMS = {
    "orders": ("Orders", "Orders at /orders"),
    "again": ("Orders", "Orders at /again"),
    "odd": ('Größen "\\ <b>\r\nX: y', "Groen  <b>X: y at /odd"),
    "elsewhere": ("注文", "elsewhere"),
    "file": (None, "file"),
}


def test_the_realm_is_what_people_call_the_api(gateway: Gateway) -> None:
    labels = {
        name: {} if label is None else {"flex.mulesoft.com/apiinstance-name": label}
        for name, (label, _) in REALMS.items()
    }
    gateway.apply(
        "---".join(
            API.replace("NAME", name).replace("LABELS", json.dumps(found)) for name, found in labels.items()
        )
    )

    told = {name: gateway.get(f"/{name}/x").headers["www-authenticate"] for name in REALMS}

    assert told == {name: f'Basic realm="{realm}"' for name, (_, realm) in REALMS.items()}
