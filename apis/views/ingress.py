"""How a gateway takes requests in: a tab of its page, here because APIs stand above gateways."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render

from apis.changes import ingress
from apis.views.access import messages_of
from apis.views.conflict import Meeting
from console.forms import schema_data, schema_form
from console.forms.merging import FormPart
from console.forms.schema import PREFIX
from console.permissions import Permission
from console.scope import Request, must
from console.versions import Changed
from gateways.views.access import gateway_of
from gateways.views.detail import frame


def edit(request: Request, pk: UUID) -> HttpResponse:
    """What is set, for those who may only look too; what was typed, with what is wrong with it."""
    gateway = gateway_of(request, pk)
    schema = ingress.Ingress.model_json_schema(by_alias=True)
    config, errors = ingress.of(gateway), dict[str, list[str]]()
    meeting = Meeting([FormPart("config", schema, PREFIX)], gateway, gateway.environment, request.POST)
    seen, late = request.POST.get("seen", ""), None
    if request.method == "POST":
        must(request, Permission.MANAGE_GATEWAYS)
        config = schema_data.read(schema, request.POST)
    if meeting.is_choosing:
        found, late = meeting.chosen({"config": config}, {"config": ingress.of(gateway)})
        config = found["config"]
    elif request.method == "POST":
        try:
            ingress.change(request.user, gateway, config, seen_version=seen)
        except ValidationError as error:
            errors = messages_of(error)
        except Changed:
            gateway.refresh_from_db()
            found, late = meeting.met({"config": config}, {"config": ingress.of(gateway)})
            config, seen = found["config"], ""
        else:
            messages.success(request, "Saved. The gateway takes it as it takes a change of an API.")
            return redirect("gateway_ingress", gateway.pk)
    context = {
        "fields": schema_form.fields(schema, config, errors),
        "errors": errors,
        "conflict": late,
        "base": meeting.base({"config": ingress.of(gateway)}, seen),
        "seen": seen or ingress.seen(gateway),
    }
    page = frame(gateway, "ingress") | context
    status = 409 if late and not meeting.is_choosing else 422 if errors else 200
    return render(request, "gateways/gateway_ingress.html", page, status=status)
