"""REST: whether a change is deployed when it is saved, and how an answer tells that it was not."""

from rest_framework import serializers as s
from rest_framework.request import Request

from apis.models import ApiInstance
from apis.rest import reach
from console.permissions import Permission

WAITS = (
    "saved and not deployed: it is pending. Look at it with GET .../apis/{}/pending and deploy it with "
    "POST .../apis/{}/pending/deployment"
)


class SaveQuery(s.Serializer[dict[str, bool]]):
    deploy = s.BooleanField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Whether a deployed API is to run it at once. Where nothing is said it does, unless "
        "something of it is pending. Never in an environment that asks for a second person, or where failing "
        "tests stop a deployment.",
    )


def asked(request: Request, api: ApiInstance) -> bool | None:
    """What the query says; where it says nothing, clients of Anypoint expect that what they save runs."""
    wanted: bool | None = reach.valid(SaveQuery, _known(request))["deploy"]
    if wanted is not None or api.environment.deploys_on_save:
        return wanted
    return True if api.pending_since is None and Permission.DEPLOY_APIS in reach.may(request, api) else None


def _known(request: Request) -> dict[str, str]:
    return {"deploy": request.query_params["deploy"]} if "deploy" in request.query_params else {}


def said(api: ApiInstance) -> dict[str, list[str]]:
    """For the header Warning: that something is pending of the API."""
    if not api.is_deployed or api.pending_since is None:
        return {}
    return {"deployment": [WAITS.format(api.pk, api.pk)]}
