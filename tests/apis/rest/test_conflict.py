"""ETag and If-Match: a client that says which version it saw overwrites nobody's change."""

import pytest

from apis.changes.policies import apply_policy
from gateways.models import Gateway
from tests.factories import make_api, make_tls_context
from tests.rest import Rest

pytestmark = pytest.mark.django_db


def addresses(rest: Rest, gateway: Gateway, kind: str) -> tuple[str, dict[str, object], dict[str, object]]:
    """An address, and the bodies of two changes of what is there."""
    api = make_api(gateway)
    api.routes.create(position=0).targets.create(upstream=api.upstreams.create(uri="http://a/"), weight=100)
    if kind == "instance":
        return f"AM/{api.pk}", {"instanceLabel": "one"}, {"instanceLabel": "two"}
    if kind == "policy":
        user = rest.environment.organization.roles.get().user  # type: ignore[union-attr]
        binding = apply_policy(user, api, "ip-allowlist", {"ips": ["10.0.0.1"]})
        first, second = ({"configurationData": {"ips": [ip]}} for ip in ("10.0.0.2", "10.0.0.3"))
        return f"AM/{api.pk}/policies/{binding.pk}", first, second
    environment = gateway.environment
    context = make_tls_context(environment)
    scope = f"organizations/{environment.organization_id}/environments/{environment.pk}"
    path = f"/apimanager/api/v1/{scope}/tls-contexts/{context.pk}"
    return path, {"name": "one"}, {"name": "two"}


@pytest.mark.parametrize("kind", ["instance", "policy", "tls-context"])
def test_a_version_that_was_changed_is_not_overwritten(rest: Rest, gateway: Gateway, kind: str) -> None:
    address, first, second = addresses(rest, gateway, kind)
    seen = rest("GET", address).headers["ETag"]
    changed = rest("PATCH", address, first, **{"If-Match": seen})

    late = rest("PATCH", address, second, **{"If-Match": seen})
    gone = rest("DELETE", address, **{"If-Match": seen})

    assert changed.status_code == 200
    assert changed.headers["ETag"] not in ("", seen)
    assert (late.status_code, gone.status_code) == (412, 412)
    assert "If-Match" in late.data["message"]
    assert rest("GET", address).headers["ETag"] == changed.headers["ETag"]
    several = f'"other", {changed.headers["ETag"]}'
    assert rest("PATCH", address, second, **{"If-Match": several}).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"If-Match": "*"}])
def test_who_names_no_version_overwrites(rest: Rest, gateway: Gateway, headers: dict[str, str]) -> None:
    address, first, _ = addresses(rest, gateway, "instance")

    assert rest("PATCH", address, first, **headers).status_code == 200
