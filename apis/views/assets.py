"""What an API's settings say of its asset and its owners: small forms of their own, below its details."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from apis.changes import assets, owners
from apis.views.access import api_to_change
from console.scope import Request
from console.versions import Changed


@require_POST
def asset(request: Request, pk: int) -> HttpResponse:
    """Its name and type, and which of its versions the API is made of."""
    api = api_to_change(request, pk)
    told = request.POST
    try:
        if (name := told.get("name", "").strip()) != api.asset.name:
            assets.rename(request.user, api, name)
        if (kind := told.get("type") or api.asset.type) != api.asset.type:
            assets.set_type(request.user, api, kind)
        if (version := told.get("version", "").strip()) != api.asset.version:
            seen, api_version = told.get("seen", ""), told.get("api_version", "")
            assets.set_version(request.user, api, version, api_version, seen=seen)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    except Changed:
        messages.error(request, "Its asset was changed meanwhile; here it is as it is now.")
    else:
        messages.success(request, "Saved.")
    return redirect("api_settings", api.pk)


@require_POST
def add_owner(request: Request, pk: int) -> HttpResponse:
    api = api_to_change(request, pk)
    try:
        owner = owners.add_owner(request.user, api, request.POST.get("owner", ""))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, f"{owner.name} is an owner of {api}.")
    return redirect("api_settings", api.pk)


@require_POST
def remove_owner(request: Request, pk: int) -> HttpResponse:
    api = api_to_change(request, pk)
    key = request.POST.get("owner", "")
    if key.isdecimal() and len(key) < 19:
        owners.remove_owner(request.user, api, int(key))
    return redirect("api_settings", api.pk)
