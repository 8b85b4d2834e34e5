"""The OpenAPI document of the REST interface, and the page that shows it."""

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.views import SpectacularSwaggerSplitView

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


class Docs(SpectacularSwaggerSplitView):
    """Swagger UI from installed files; the script comes from an address of its own, as our CSP asks."""

    template_name = "rest/docs.html"


@csrf_exempt
@login_not_required
def unknown(request: HttpRequest, rest: str = "") -> JsonResponse:
    """A REST address that does not exist: JSON, as clients expect of every 404."""
    message = f"{request.method} {request.path} is not an address of this interface; see /api/docs."
    return JsonResponse(body(404, [("", message, "not_found")]), status=404)
