"""The forms of mail and destinations."""

from typing import Any
from uuid import UUID

from django import forms

from console.forms.cards import Card
from console.models import Environment, Organization, User
from console.notices.destinations import URL_MOST, DestinationScope
from console.notices.models import Destination, MailServer
from console.permissions import Permission

Security, Type = MailServer.Security, Destination.Type


class MailForm(forms.Form):
    """`seen` is the version of what the form showed."""

    host = forms.CharField(max_length=253, help_text="For example mail.example.com.")
    port = forms.IntegerField(min_value=1, max_value=65535, initial=587)
    security = forms.ChoiceField(
        choices=[
            (
                Security.STARTTLS,
                Card("STARTTLS", "Usual at port 587. A server that does not offer it gets no mail."),
            ),
            (Security.TLS, Card("TLS", "From the first byte on, usual at port 465.")),
            (Security.NONE, Card("None", "Plain text, for a relay on the same machine.")),
        ],
        widget=forms.RadioSelect,
        initial=Security.STARTTLS,
    )
    username = forms.CharField(
        required=False, max_length=254, widget=forms.TextInput({"autocomplete": "off"})
    )
    password = forms.CharField(
        required=False,
        max_length=500,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )
    sender = forms.CharField(
        max_length=320, help_text="Whom mails are from: Gatewright &lt;gateway@example.com&gt;."
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, has_password: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if has_password:
            kept = "There is one, which is not shown. Left empty, it stays; without a username it goes."
            self.fields["password"].help_text = kept

    def facts(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("host", "port", "security", "username", "sender")}


class TestMailForm(forms.Form):
    address = forms.EmailField(label="To")


class DestinationForm(forms.Form):
    """Of one that is there; a new one has a type and a place, too."""

    URL_HELP = "It is kept encrypted and never shown again."

    name = forms.CharField(max_length=120)
    url = forms.CharField(
        label="URL", max_length=URL_MOST, help_text=URL_HELP, widget=forms.TextInput({"autocomplete": "off"})
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, has_url: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if has_url:
            self.fields["url"].required = False
            self.fields["url"].help_text = "Left empty, it stays as it is. It is never shown again."


class NewDestinationForm(DestinationForm):
    type = forms.ChoiceField(
        choices=[
            (Type.WEBHOOK, Card("Webhook", "JSON by POST to a program of yours, signed with a secret.")),
            (
                Type.SLACK,
                Card("Slack", "The URL of an incoming webhook, of Slack or of what understands its format."),
            ),
            (
                Type.APPRISE,
                Card(
                    "Other services",
                    "A URL of Apprise: msteams://, pagerduty://, tgram://, ntfys:// and more.",
                ),
            ),
        ],
        widget=forms.RadioSelect,
        initial=Type.WEBHOOK,
    )
    place = forms.ChoiceField(label="For", help_text="Who works there can choose it.")

    field_order = ["type", "name", "url", "place"]
    seen = None  # type: ignore[assignment]  # a new one has nothing that another could change

    def __init__(self, user: User, current: Environment | None, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.places = _places(user)
        field: Any = self.fields["place"]
        field.choices = [(key, words) for key, (words, _) in self.places.items()]
        if current is not None:
            self.initial.setdefault("place", str(current.pk))

    def chosen(self) -> DestinationScope:
        return self.places[self.cleaned_data["place"]][1]


def _places(user: User) -> dict[str, tuple[str, DestinationScope]]:
    """Where the user may make one."""
    environments = Environment.objects.permitting(user, Permission.MANAGE_ALERTS).select_related(
        "organization"
    )
    found: dict[str, tuple[str, DestinationScope]] = {}
    for one in environments.order_by("organization__path", "name"):
        found[str(one.pk)] = (f"{one.organization} / {one}", DestinationScope(one.organization, one))
    for own in Organization.objects.where(user, Permission.MANAGE_ALERTS).order_by("path"):
        found[_key(own.pk)] = (f"{own}, every environment", DestinationScope(own))
    return found


def _key(pk: UUID) -> str:
    return str(pk)
