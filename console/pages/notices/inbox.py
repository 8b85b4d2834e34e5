"""A person's inbox: what they were told, and where they want to be told."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from console.listing import Select, asked, listing
from console.notices import inbox as notices
from console.notices import kinds, mail
from console.notices.models import Notice
from console.scope import Request

READ = [("no", "Unread"), ("yes", "Read")]


def inbox(request: Request) -> HttpResponse:
    found = Notice.objects.filter(user=request.user).select_related(
        "environment__organization", "organization"
    )
    kind = Select.of(request, "kind", "Kind", [(one.name, one.label) for one in notices.choosable()])
    read = Select.of(request, "read", "State", READ)
    found = found.search(asked(request))
    if kind.chosen:
        found = found.filter(kind=kind.chosen)
    if read.chosen in ("yes", "no"):
        found = found.filter(read_at__isnull=read.chosen == "no")
    shown = listing(request, "notices", "notice", found, searches="words", selects=(read, kind))
    context = {"has_mail": mail.is_set_up()}
    return shown.answer(request, "console/notices/inbox.html", "console/notices/_notices.html", context)


def open_notice(request: Request, pk: int) -> HttpResponse:
    """Leads to what it is about; it is read then."""
    notice = get_object_or_404(Notice, pk=pk, user=request.user)
    notices.read(notice)
    return redirect(notice.link or "inbox")


@require_POST
def read_one(request: Request, pk: int) -> HttpResponse:
    notices.read(get_object_or_404(Notice, pk=pk, user=request.user))
    return redirect("inbox")


@require_POST
def read_all(request: Request) -> HttpResponse:
    count = notices.read_all(request.user)
    messages.success(request, f"{count} notice{'' if count == 1 else 's'} marked as read.")
    return redirect("inbox")


def preferences(request: Request) -> HttpResponse:
    """By kind: in the inbox, by mail, or neither."""
    if request.method == "POST":
        given = request.POST
        choices = {
            one.name: (f"{one.name}-inbox" in given, f"{one.name}-mail" in given)
            for one in notices.choosable()
        }
        notices.choose(request.user, choices)
        messages.success(request, "You are told about things as you chose, from now on.")
        return redirect("inbox_preferences")
    chosen = notices.chosen(request.user)
    context = {
        "rows": [(kinds.kind(name), *choice) for name, choice in chosen.items()],
        "has_mail": mail.is_set_up(),
    }
    return render(request, "console/notices/preferences.html", context)
