"""Invitations: who was invited, and new ones."""

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from console import once
from console.invitations import changes
from console.invitations.changes import Invited, InvitedRole
from console.invitations.models import Invitation
from console.listing import Select, asked, listing
from console.models import OrganizationQuerySet
from console.notices import mail
from console.notices.texts import absolute
from console.pages.administration.access import administered, attempt, attempt_or_say
from console.pages.administration.forms import WholeRoleForm
from console.scope import Request

NO_OWNER = "Whoever has a role is no owner by it: choose None, or leave the client application empty."


class InvitationForm(WholeRoleForm):
    MAIL, LINK = "mail", "link"

    email = forms.EmailField(
        label="E-mail address",
        required=False,
        help_text="Of whoever joins. With a link it may stay empty: then whoever has the link may join.",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    way = forms.ChoiceField(
        label="How",
        choices=[(MAIL, "Send a mail"), (LINK, "Make a link to copy")],
        widget=forms.RadioSelect,
    )

    application = forms.CharField(
        label="Client application",
        required=False,
        max_length=255,
        help_text="Of who is to own one: its name, or its client id. They find their application, its "
        "contracts and its usage, and nothing else of the organization.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    field_order = ["email", "way", "organization", "environment", "role", "application"]

    def __init__(self, organizations: OrganizationQuerySet, *args: object, **more: object) -> None:
        super().__init__(organizations, *args, **more)
        self.fields["way"].initial = self.MAIL if mail.is_set_up() else self.LINK
        role: Any = self.fields["role"]
        role.choices = [*role.choices, (Invitation.OWNER, "None: owns a client application alone")]

    def clean(self) -> dict[str, Any]:
        """With the application itself in the place of its name."""
        found = super().clean() or {}
        text, organization = found.get("application", ""), found.get("organization")
        if found.get("role") != Invitation.OWNER:
            if text:
                self.add_error("role", NO_OWNER)
        elif organization:
            rows = organization.applications.filter(Q(name=text) | Q(client_id=text.lower()))
            found["application"] = rows.first() if text else None
            if found["application"] is None:
                lacks = f"{organization} has no such client application."
                self.add_error(
                    "application", lacks if text else "Write the name or client id of what they are to own."
                )
        return found

    def given(self) -> InvitedRole:
        """The role, of a form that is valid."""
        facts = self.cleaned_data
        application = facts["application"] or None
        return InvitedRole(facts["organization"], facts["role"], facts["environment"], application)


def invitations(request: Request) -> HttpResponse:
    found = Invitation.objects.filter(organization__in=administered(request))
    state = Select.of(request, "state", "State", Invitation.State.choices)
    found = found.in_state(state.chosen)
    if query := asked(request):
        found = found.filter(Q(email__icontains=query) | Q(inviter__username__icontains=query))
    named = ("organization", "environment", "custom", "inviter", "accepted_by", "application")
    found = found.select_related(*named)
    shown = listing(
        request, "invitations", "invitation", found, searches="address or inviter", selects=(state,)
    )
    page, part = "console/administration/invitations.html", "console/administration/_invitations.html"
    return shown.answer(request, page, part, {})


@never_cache
def add(request: Request) -> HttpResponse:
    """A link is shown in the answer to the form and never again."""
    form = InvitationForm(administered(request), request.POST or None, initial=_asked_for(request))
    if form.is_valid():
        facts, sending = form.cleaned_data, once.of(request)
        ways = {"email": facts["email"], "by_mail": facts["way"] == form.MAIL}
        if made := attempt(form, lambda: changes.make(request.user, form.given(), **ways, sending=sending)):
            return _made(request, made)
    status = 422 if form.errors else 200
    return render(request, "console/administration/invitation_add.html", {"form": form}, status=status)


@never_cache
@require_POST
def renew(request: Request, pk: int) -> HttpResponse:
    found = _invitation(request, pk)
    made: list[Invited] = []
    if attempt_or_say(request, lambda: made.append(changes.renew(request.user, found))):
        return _made(request, made[0])
    return redirect("invitations")


@require_POST
def revoke(request: Request, pk: int) -> HttpResponse:
    found = _invitation(request, pk)
    if attempt_or_say(request, lambda: changes.revoke(request.user, found)):
        messages.success(request, f"The {found} was revoked; its link no longer works.")
    return redirect("invitations")


def _asked_for(request: Request) -> dict[str, Any]:
    """`?application=` is the client id of the one whose owner is to be invited."""
    text = request.GET.get("application", "")[:64]
    found = administered(request).filter(applications__client_id=text).first() if text else None
    return {"organization": found, "role": Invitation.OWNER, "application": text} if found else {}


def _made(request: Request, made: Invited) -> HttpResponse:
    found = made.invitation
    if not made.link:
        messages.success(request, f"A mail to {found.email} is on its way.")
        return redirect("invitations")
    context = {"invitation": found, "link": absolute(made.link)}
    return render(request, "console/administration/invitation_link.html", context)


def _invitation(request: Request, pk: int) -> Invitation:
    found = Invitation.objects.filter(organization__in=administered(request))
    return get_object_or_404(found.select_related("organization"), pk=pk)
