"""Certificates from ACME CAs: how far each is, asked for, tried again, given up."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST
from pydantic import BaseModel, Field

from apis.certifying import acme as change
from apis.secret_groups.acme import AcmeSource
from apis.secret_groups.models import default_group
from apis.secret_groups.permission import may_manage
from apis.views.access import acme_source_to_change, environment_of, messages_of
from console.forms import schema_data, schema_form
from console.listing import asked, listing
from console.permissions import Permission
from console.scope import Request


class AcmeForm(BaseModel):
    name: str = Field("", title="Keystore", max_length=120, json_schema_extra={"needed": True})
    names: list[str] = Field(
        [],
        title="Host names",
        description="The CA asks at port 80 of each, by HTTP-01, the one challenge that is answered here: it "
        "must lead to a gateway of this environment. A wildcard such as *.example.com is refused.",
        json_schema_extra={"needed": True},
    )
    directory: str = Field(
        "", title="CA", description="Its directory; GATEWRIGHT_ACME_DIRECTORIES names them."
    )
    email: str = Field("", title="E-mail", max_length=254, description="Where the CA writes of trouble.")
    eab_kid: str = Field(
        "",
        title="EAB key ID",
        max_length=255,
        description="Of external account binding, where the CA asks for it.",
        json_schema_extra={"advanced": True},
    )
    eab_key: str = Field(
        "", title="EAB key", max_length=500, json_schema_extra={"advanced": True, "writeOnly": True}
    )


def _schema() -> dict[str, Any]:
    schema = AcmeForm.model_json_schema()
    schema["properties"]["directory"]["enum"] = list(settings.ACME_DIRECTORIES)
    return schema


def index(request: Request) -> HttpResponse:
    environment = environment_of(request, Permission.VIEW_SECRETS)
    found = AcmeSource.objects.filter(environment=environment, name__icontains=asked(request))
    found = found.select_related("keystore").defer("keystore__content", "account", "eab_key")
    shown = listing(request, "acme-sources", "certificate", found, searches="name")
    context = {"manages": may_manage(request.user, environment)}
    return shown.answer(request, "apis/acme_list.html", "apis/_acme_sources.html", context)


def add(request: Request) -> HttpResponse:
    environment, schema = environment_of(request, Permission.MANAGE_SECRETS), _schema()
    values, errors = schema_data.read(schema, request.POST, prefix=""), {}
    if request.method == "POST":
        try:
            group = default_group(environment)
            group.environment = environment
            told = {name: values.get(name, "") for name in ("email", "eab_kid", "eab_key")}
            one = values.get("name", ""), values.get("directory", ""), values.get("names", [])
            made = change.ask(request.user, group, *one, **told)
        except ValidationError as error:
            errors = messages_of(error)
        else:
            messages.success(request, f"{made} is asked for; this takes a minute or two.")
            return redirect(made)
    page = {
        "fields": schema_form.fields(schema, values, errors, prefix=""),
        "errors": errors,
        "general": errors.get("", []),
    }
    return render(request, "apis/acme_form.html", page, status=422 if errors else 200)


@require_POST
def try_now(request: Request, pk: int) -> HttpResponse:
    source = acme_source_to_change(request, pk)
    try:
        change.try_now(request.user, source)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, f"{source} is asked for again within a minute.")
    return redirect(source)


@require_POST
def delete(request: Request, pk: int) -> HttpResponse:
    source = acme_source_to_change(request, pk)
    change.give_up(request.user, source)
    messages.success(request, f"{source} is asked for no more; its keystore stays as it is.")
    return redirect(source)
