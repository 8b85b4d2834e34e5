"""Whether consumers find an API: a switch beside its contracts."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from apis.changes import hiding
from apis.views.access import api_of
from console.permissions import Permission
from console.scope import Request


@require_POST
def let_find(request: Request, pk: int) -> HttpResponse:
    api = api_of(request, pk, Permission.MANAGE_CONTRACTS)
    may_find = request.POST.get("find") == "1"
    hiding.let_find(request.user, api, may_find)
    told = "find it, and can ask for access." if may_find else "find it no more; contracts go on."
    messages.success(request, f"Consumers {told}")
    return redirect("api_contracts", api.pk)
