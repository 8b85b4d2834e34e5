"""The catalog's pages: every policy by category, and each with its documentation."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from policies import browse, catalog, transport
from policies.cost import known
from policies.policy import CATALOG_GROUP


def index(request: HttpRequest) -> HttpResponse:
    context = browse.context(request, lambda one: reverse("policy", args=[one.name]), transport.ALL)
    return render(request, "policies/policy_list.html", context)


def detail(request: HttpRequest, name: str) -> HttpResponse:
    """An alias leads to the policy's own name."""
    if entry := transport.find(name):
        if entry.name != name:
            return redirect("policy", entry.name)
        context: dict[str, object] = {"policy": entry, "readme": browse.rendered(entry.readme)}
        return render(request, "policies/transport_detail.html", context)
    try:
        policy = catalog.find(name)
    except catalog.UnknownPolicy as error:
        raise Http404(str(error)) from error
    if policy.name != name:
        return redirect("policy", policy.name)
    context = {
        "policy": policy,
        "readme": browse.readme(policy),
        "group": CATALOG_GROUP,
        "cost": known().get(policy.name),
    }
    return render(request, "policies/policy_detail.html", context)
