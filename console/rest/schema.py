"""The OpenAPI document of the REST interface, and the page that shows it."""

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.extensions import OpenApiAuthenticationExtension

from console.rest import reference
from console.rest.errors import body


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = "console.rest.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A token from /accounts/login or /accounts/api/v2/oauth2/token.",
        }


def with_refusals(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Give every operation the answers that it does not name itself: whatever is refused has one shape."""
    refusal = {
        "description": "Refused; the message says why and what to do.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorAnswer"}}},
    }
    for path in result["paths"].values():
        for operation in path.values():
            operation["responses"] |= {"4XX": refusal, "5XX": refusal}
    return result


@login_not_required
def docs(request: HttpRequest) -> HttpResponse:
    """A page of the console's own: it can be read with every theme, width and reader, and is small."""
    return render(request, "rest/docs.html", {"groups": reference.groups()})


@csrf_exempt
@login_not_required
def unknown(request: HttpRequest, rest: str = "") -> JsonResponse:
    """A REST address that does not exist: JSON, as clients expect of every 404."""
    message = f"{request.method} {request.path} is not an address of this interface; see /api/docs."
    return JsonResponse(body(404, [("", message, "not_found")]), status=404)
