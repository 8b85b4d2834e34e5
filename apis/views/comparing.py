"""The environment that the user works in beside another one: what differs, and what is missing."""

from collections import Counter
from uuid import UUID

from django.http import HttpResponse

from apis.promotions import compare, permission
from apis.promotions.compare import ComparedPair
from apis.views.access import environment_of
from console.forms.schema_form import Choice, Field
from console.listing import Select, asked, listing
from console.models import Environment
from console.permissions import Permission
from console.scope import Request

WITH, STATE = "with", "state"


def index(request: Request) -> HttpResponse:
    """`?with=` names the other one; without it the first other one of the organization that may be seen."""
    here = environment_of(request, Permission.VIEW_POLICIES)
    known = _others(request, here)
    there = _chosen(known, request.GET.get(WITH, ""))
    pairs = compare.compared(here, there) if there else []
    counts = Counter(one.state for one in pairs)
    state = request.GET.get(STATE, "")
    words = asked(request).lower().split()
    found = [one for one in pairs if state in ("", one.state) and _holds(one, words)]
    shown = listing(
        request,
        "compared",
        "API",
        found,
        searches="name, label or base path",
        selects=(Select(STATE, "State", compare.STATES, state),),
        kept=((WITH, str(there.pk)),) if there else (),
    )
    context = {
        "here": here,
        "there": there,
        "counts": {state: counts[state] for state, _ in compare.STATES},
        "environment_field": _field(known, there),
        "may_promote_here": permission.may_promote_to(request.user, here),
        "may_promote_there": bool(there and permission.may_promote_to(request.user, there)),
        "total": len(pairs),
    }
    return shown.answer(request, "apis/compare.html", "apis/_compared.html", context)


def _others(request: Request, here: Environment) -> list[Environment]:
    seen = Environment.objects.permitting(request.user, Permission.VIEW_POLICIES)
    rows = seen.exclude(pk=here.pk).select_related("organization")
    found = list(rows.order_by("organization__path", "name"))
    return sorted(found, key=lambda one: one.organization_id != here.organization_id)


def _chosen(known: list[Environment], asked_for: str) -> Environment | None:
    try:
        pk = UUID(asked_for)
    except ValueError:
        return known[0] if known else None
    return next((one for one in known if one.pk == pk), known[0] if known else None)


def _holds(pair: ComparedPair, words: list[str]) -> bool:
    text = " ".join(f"{one.name} {one.label} {one.base_path}" for one in (pair.here, pair.there) if one)
    return all(word in text.lower() for word in words)


def _field(known: list[Environment], there: Environment | None) -> Field:
    choices = tuple(Choice(str(one.pk), f"{one.organization} / {one}", one == there) for one in known)
    return Field("choice", WITH, "Compare with", choices=choices)
