"""The forms of a client application: what it says of itself, and how long its old secret works on."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import Q

from apis.contracts import access
from apis.contracts.models import Application
from apis.rules.applications import GRANT_TYPES, LONGEST_NAME, LONGEST_URL, MOST_OWNERS
from console.models import Organization, User
from console.teams.models import Team, TeamQuerySet

MOST_OFFERED = 50
"""Users to choose from by the browser."""
_SHOWN = {"organization": None, "expires_at": "expires_on"}
"""Fields of the form where the rules' names are others."""


class TeamsField(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj} ({obj.organization})"


class ApplicationForm(forms.Form):
    name = forms.CharField(
        max_length=LONGEST_NAME, help_text="What calls the APIs: a shop, an app, a partner's service."
    )
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))
    url = forms.CharField(
        label="Application URL", required=False, max_length=LONGEST_URL, help_text="Where it is at home."
    )
    owners = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "autocomplete": "off"}),
        help_text="Usernames, one a line. They see its credentials and usage, ask for access and reset its "
        "secret. Empty, and without a team: you.",
    )
    teams = TeamsField(
        queryset=Team.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Whoever is a member owns it, too, and no longer than that.",
    )
    expires = forms.ChoiceField(
        choices=[("never", "Never"), ("date", "On a date")],
        initial="never",
        help_text="From then on none of its contracts lets it pass.",
    )
    expires_on = forms.DateField(
        label="Date", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    redirect_uris = forms.CharField(
        label="Redirect URIs",
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text="One a line. Kept for an authorization server; gateways do not use them.",
    )
    grant_types = forms.MultipleChoiceField(
        label="Grant types",
        choices=list(GRANT_TYPES.items()),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Kept for an authorization server, too.",
    )

    def __init__(self, user: User, organization: Organization, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.organization = organization
        offered = self._teams(user).select_related("organization").order_by("name", "pk")
        self.fields["teams"].queryset = offered  # type: ignore[attr-defined]
        if not offered.exists():
            del self.fields["teams"]

    def clean_owners(self) -> list[User]:
        """Those of these names who may be named. Strangers are told as if they were not there."""
        names = [*dict.fromkeys(self.cleaned_data["owners"].split())]
        if len(names) > MOST_OWNERS:
            raise forms.ValidationError(f"An application has at most {MOST_OWNERS} owners.")
        known = {one.get_username(): one for one in self._may_own().filter(username__in=names)}
        missing = [name for name in names if name not in known]
        if missing:
            few = ", ".join(f'"{name[:60]}"' for name in missing[:5])
            raise forms.ValidationError(f"Nobody of {self.organization} is called {few}.")
        return [known[name] for name in names]

    def _may_own(self) -> Any:
        return access.may_own(self.organization)

    def _teams(self, user: User) -> TeamQuerySet:
        return access.teams_to_name(user, self.organization)

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if found.get("expires") == "date" and not found.get("expires_on"):
            self.add_error("expires_on", "Choose the date, or let it never expire.")
        return found

    def facts(self) -> dict[str, Any]:
        """As `apis.changes.applications` takes them."""
        given = self.cleaned_data
        on = given["expires_on"] if given["expires"] == "date" else None
        return {
            "name": given["name"],
            "description": given["description"],
            "url": given["url"],
            "owners": given["owners"],
            "teams": given.get("teams", ()),
            "redirect_uris": given["redirect_uris"].splitlines(),
            "grant_types": given["grant_types"],
            "expires_at": datetime.combine(on, time.max, UTC) if on else None,
        }

    def refuse(self, errors: Mapping[str, list[str]]) -> None:
        """What the rules say, at its field."""
        for name, texts in errors.items():
            field = _SHOWN.get(name, name)
            self.add_error(field if field in self.fields else None, texts)


class EditedForm(ApplicationForm):
    """Of one that exists: whoever owns it already may go on owning it."""

    def __init__(self, user: User, application: Application, *args: Any, **kwargs: Any) -> None:
        self.application = application
        super().__init__(user, application.organization, *args, **kwargs)
        self.fields["owners"].help_text = "Usernames, one a line."

    def clean(self) -> dict[str, Any]:
        found = super().clean()
        if "owners" in found and not found["owners"] and not found.get("teams"):
            self.add_error("owners", "Name at least one owner, or choose a team.")
        return found

    def _may_own(self) -> Any:
        own = self.application.owners.values("pk")
        return User.objects.filter(pk__in=access.may_own(self.organization).values("pk")) | (
            User.objects.filter(pk__in=own)
        )

    def _teams(self, user: User) -> TeamQuerySet:
        """Those that own it already may go on."""
        own = Team.objects.filter(applications=self.application).values("pk")
        offered = super()._teams(user).values("pk")
        found: TeamQuerySet = Team.objects.filter(Q(pk__in=offered) | Q(pk__in=own))
        return found


def shown(application: Application) -> dict[str, Any]:
    """The form's fields as they are now."""
    ends = application.expires_at
    return {
        "name": application.name,
        "description": application.description,
        "url": application.url,
        "owners": "\n".join(application.owners.order_by("username").values_list("username", flat=True)),
        "teams": [*application.teams.values_list("pk", flat=True)],
        "expires": "date" if ends else "never",
        "expires_on": ends.date() if ends else None,
        "redirect_uris": "\n".join(application.redirect_uris),
        "grant_types": application.grant_types,
    }


class ClientSecretForm(forms.Form):
    OVERLAPS = {
        "0": ("At once", timedelta()),
        "1h": ("In 1 hour", timedelta(hours=1)),
        "24h": ("In 24 hours", timedelta(hours=24)),
        "7d": ("In 7 days", timedelta(days=7)),
    }

    overlap = forms.ChoiceField(
        label="The secret before ends",
        choices=[(key, words) for key, (words, _) in OVERLAPS.items()],
        initial="24h",
        widget=forms.RadioSelect,
        help_text="Until then both work, so that you can change it everywhere without a pause.",
    )

    @property
    def length(self) -> timedelta:
        """Of a valid form."""
        return self.OVERLAPS[self.cleaned_data["overlap"]][1]
