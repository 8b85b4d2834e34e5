"""The mail server of the console, for administrators of everything."""

from functools import partial
from typing import Any

from django.conf import settings as console
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from console.notices import mail, mail_settings
from console.notices.models import MailServer
from console.pages.administration.access import attempt
from console.pages.notices.forms import MailForm, TestMailForm
from console.scope import Request
from console.versions import Changed


def settings(request: Request) -> HttpResponse:
    """POST saves."""
    mail_settings.require_everything(request.user)
    row = MailServer.objects.first()
    form = MailForm(request.POST or None, initial=_shown(row), has_password=bool(row and row.secret))
    if form.is_valid():
        password = form.cleaned_data["password"] or None
        save = partial(
            mail_settings.save, request.user, form.facts(), password, seen=form.cleaned_data["seen"]
        )
        try:
            if attempt(form, save):
                messages.success(request, "Mails go through this server from now on.")
                return redirect("mail")
        except Changed:
            now = MailServer.objects.first()
            sent = request.POST.dict() | {"seen": mail_settings.seen_of(now)}
            form = MailForm(sent, has_password=bool(now and now.secret))
            form.add_error(None, "Somebody changed this after you opened it. Save again to overwrite it.")
    return _page(request, form, TestMailForm(initial={"address": request.user.email}))


@require_POST
def remove(request: Request) -> HttpResponse:
    mail_settings.remove(request.user)
    messages.success(request, "No mail is sent any more; people are told in their inbox alone.")
    return redirect("mail")


@require_POST
def test(request: Request) -> HttpResponse:
    """A worker sends it; its page says what the server answered."""
    mail_settings.require_everything(request.user)
    form = TestMailForm(request.POST)
    if form.is_valid():
        made = attempt(form, lambda: mail_settings.send_test(request.user, form.cleaned_data["address"]))
        if made:
            return redirect("delivery", made.pk)
    row = MailServer.objects.first()
    return _page(request, MailForm(initial=_shown(row), has_password=bool(row and row.secret)), form)


def _page(request: Request, form: MailForm, test_form: TestMailForm) -> HttpResponse:
    context = {
        "form": form,
        "test": test_form,
        "server": mail.server(),
        "row": MailServer.objects.first(),
        "console_url": console.CONSOLE_URL,
    }
    status = 422 if form.errors or test_form.errors else 200
    return render(request, "console/notices/mail.html", context, status=status)


def _shown(row: MailServer | None) -> dict[str, Any]:
    seen = {"seen": mail_settings.seen_of(row)}
    return seen | ({name: getattr(row, name) for name in mail_settings.FIELDS} if row else {})
