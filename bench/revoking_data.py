"""Puts APIs with contracts on the local gateway of a stack, deployed and approved in one go.

    python -m bench.revoking_data APIS CONTRACTS_EACH PORT UPSTREAM_URL

Each API asks for client id and secret. Prints JSON of what was made.
"""

import json
import sys
from typing import Any

import django
from django.utils import timezone

SECRET = "of-every-client"  # noqa: S105 - of a measurement


def main(count: int, each: int, port: int, upstream: str) -> dict[str, Any]:
    from apis.changes import instances
    from apis.models import ApiInstance
    from console.models import User
    from gateways.models import Gateway

    actor = User.objects.filter(is_superuser=True).earliest("date_joined")
    gateway = Gateway.objects.select_related("environment").get()
    made = [_api(actor, gateway, number, (port, upstream)) for number in range(count)]
    contracts = _contracts(gateway, made, each)
    ApiInstance.objects.exclude(pk=made[0].pk).update(is_deployed=True, deployed_at=timezone.now())
    instances.deploy_api(actor, made[0])
    gateway.refresh_from_db()
    return {
        "organization": str(gateway.environment.organization_id),
        "environment": str(gateway.environment_id),
        "generation": gateway.generation,
        "api": made[0].pk,
        "contracts": contracts,
    }


def _api(actor: Any, gateway: Any, number: int, place: tuple[int, str]) -> Any:
    from apis.changes import instances, policies
    from apis.desired import DesiredApi, DesiredRoute, DesiredUpstream, NewAsset

    desired = DesiredApi(
        asset=NewAsset(f"Bench {number}", asset_id=f"bench-{number}"),
        gateway=gateway,
        port=place[0],
        base_path=f"/bench-{number}",
        routes=[DesiredRoute(upstreams=[DesiredUpstream(place[1])])],
    )
    api = instances.create_api(actor, gateway.environment, desired)
    policies.apply_policy(actor, api, "client-id-enforcement", {})
    return api


def _contracts(gateway: Any, apis: list[Any], each: int) -> list[int]:
    """Of as many applications; the ids of those with the first API."""
    from apis.contracts.models import Application, ClientSecret, Contract
    from console.digests import digest

    organization = gateway.environment.organization
    applications = Application.objects.bulk_create(
        Application(organization=organization, name=f"Application {number}", client_id=f"client-{number}")
        for number in range(each)
    )
    ClientSecret.objects.bulk_create(
        ClientSecret(application=one, digest=digest(SECRET), hint="ient") for one in applications
    )
    approved = {"status": Contract.Status.APPROVED, "approved_at": timezone.now()}
    made = Contract.objects.bulk_create(
        (Contract(api=api, application=one, **approved) for api in apis for one in applications),
        batch_size=1000,
    )
    return [one.pk for one in made[:each]]


if __name__ == "__main__":
    django.setup()
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])))
