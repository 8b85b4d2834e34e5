"""What the page of a client application shows to whoever manages it and to its owners alike."""

from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from apis.contracts.models import Application, Contract
from apis.views.contract_rows import rows_of_application
from console.listing import Listing, Select, asked, listing
from console.scope import Request

SOON = timedelta(days=14)
"""Before its end, an application is marked."""


def page(
    request: Request, application: Application, found: QuerySet[Contract]
) -> tuple[Listing, dict[str, Any]]:
    """The list of those of its contracts that are `found`, and the page's context with that list's rows."""
    if query := asked(request):
        found = found.filter(Q(api__asset__name__icontains=query) | Q(api__label__icontains=query))
    status = Select.of(request, "status", "Status", Contract.Status.choices)
    if status.chosen:
        found = found.filter(status=status.chosen)
    listed = listing(
        request, "contracts", "contract", found, searches="API's name or label", selects=(status,)
    )
    now = timezone.now()
    return listed, {
        "application": application,
        "rows": rows_of_application(application, listed.page),
        "secrets": application.secrets.live(),
        "owners": application.owner_names,
        "now": now,
        "soon": now + SOON,
    }
