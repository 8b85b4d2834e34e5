"""The OpenAPI document of the REST interface, and the page that shows it."""

import re
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.encoding import force_bytes
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request

from console.rest import reference
from console.rest.errors import body
from console.rest.made_once import made_once
from console.themes import THEMES


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = "console.rest.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A token from /accounts/login or /accounts/api/v2/oauth2/token, which lasts an "
            "hour, or a personal token (gwp_…), which somebody made on their profile: it may do what they "
            "chose of what they may do, until the end that they chose.",
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


class SchemaView(SpectacularAPIView):
    """Made once for all callers: it takes a second, and nobody needs a login to ask for it."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        media_type = request.accepted_renderer.media_type
        shown = f'inline; filename="{self._get_filename(request, None)}"'
        headers = {"Content-Disposition": shown, "Vary": "Accept"}
        return HttpResponse(_document(media_type), content_type=media_type, headers=headers)


@login_not_required
def docs(request: HttpRequest) -> HttpResponse:
    """A page of the console's own: it can be read with every theme, width and reader, and is small."""
    theme = request.COOKIES.get("theme", "")
    return HttpResponse(_page(theme if theme in THEMES else ""))


@made_once
def _document(media_type: str) -> bytes:
    (renderer,) = (one for one in SchemaView.renderer_classes if one.media_type == media_type)
    return force_bytes(renderer().render(SchemaGenerator().get_schema(request=None, public=True)))


@made_once
def _page(theme: str) -> str:
    """Made once for all callers, too. Without the template's indentation it has an eighth of the size."""
    page = render_to_string("rest/docs.html", {"reference": reference.reference(), "theme": theme})
    return re.sub(r"\n\s+", "\n", page)


@csrf_exempt
@login_not_required
def unknown(request: HttpRequest, rest: str = "") -> JsonResponse:
    """A REST address that does not exist: JSON, as clients expect of every 404."""
    message = f"{request.method} {request.path} is not an address of this interface; see /api/docs."
    return JsonResponse(body(404, [("", message, "not_found")]), status=404)
