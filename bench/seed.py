"""Puts APIs on the local gateway of a stack, as its pages would, but deploys them in one go.

    python -m bench.seed COUNT PORT UPSTREAM_URL [POLICIES]

Each has three policies: its IP rule, its password and its rate limit; of five, it also looks at JSON and
answers browsers. The first one also has a header whose value is a version. Prints JSON of what was made.
"""

import json
import sys
from typing import Any

import django
from django.utils import timezone


def main(count: int, port: int, upstream: str, policies_each: int = 3) -> dict[str, object]:
    from apis.changes import instances, policies
    from apis.models import ApiInstance
    from console.models import User
    from gateways.models import Gateway

    actor = User.objects.filter(is_superuser=True).earliest("date_joined")
    gateway = Gateway.objects.select_related("environment").get()
    made = [_api(actor, gateway, number, (port, upstream), policies_each) for number in range(count)]
    first = made[0]
    version = {"outboundHeaders": [{"key": "X-Version", "value": "0"}]}
    policy = policies.apply_policy(actor, first, "header-injection", version)
    ApiInstance.objects.exclude(pk=first.pk).update(is_deployed=True, deployed_at=timezone.now())
    instances.deploy_api(actor, first)
    gateway.refresh_from_db()
    return {
        "organization": str(gateway.environment.organization_id),
        "environment": str(gateway.environment_id),
        "gateway": str(gateway.pk),
        "generation": gateway.generation,
        "first": first.pk,
        "policy": policy.pk,
    }


def _api(actor: Any, gateway: Any, number: int, place: tuple[int, str], policies_each: int) -> Any:
    from apis.changes import instances, policies
    from apis.desired import DesiredApi, DesiredRoute, DesiredUpstream, NewAsset
    from bench.rivals import PASSWORD, USER

    desired = DesiredApi(
        asset=NewAsset(f"Bench {number}", asset_id=f"bench-{number}"),
        gateway=gateway,
        port=place[0],
        base_path=f"/bench-{number}",
        routes=[DesiredRoute(upstreams=[DesiredUpstream(place[1])])],
    )
    api = instances.create_api(actor, gateway.environment, desired)
    wanted: dict[str, dict[str, Any]] = {
        "ip-allowlist": {"ips": ["127.0.0.0/8"], "ipExpression": "#[attributes.remoteAddress]"},
        "http-basic-authentication": {"username": USER, "password": PASSWORD},
        "rate-limiting": {
            "rateLimits": [{"maximumRequests": 2_000_000_000, "timePeriodInMilliseconds": 3_600_000}]
        },
        "json-threat-protection": {"maxContainerDepth": 10 + number % 10},
        "cors": {},
    }
    for name, config in list(wanted.items())[:policies_each]:
        policies.apply_policy(actor, api, name, config)
    return api


if __name__ == "__main__":
    django.setup()
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], *map(int, sys.argv[4:]))))
