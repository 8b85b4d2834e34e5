"""The forms of identity providers and of what their groups give."""

from typing import Any

from django import forms

from console.addressed import STAYS
from console.models import OrganizationQuerySet, Role, User
from console.pages.administration.forms import PlaceField, WholeRoleForm
from console.providers import changes
from console.providers.models import IdentityProvider
from console.teams.models import Team
from console.versioned_form import VersionedForm


class ProviderForm(VersionedForm):
    """`organization` is chosen once, when the provider is added."""

    organization = PlaceField(
        queryset=None,
        empty_label=None,
        help_text="It logs in those whose roles all lie in here and in the business groups below.",
    )
    secret = forms.CharField(
        label="Client secret",
        required=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="It is stored encrypted and shown to nobody. A public client has none.",
    )

    removes_secret = forms.BooleanField(
        label="Remove the stored secret",
        required=False,
        help_text="The console is a public client then: who it is, the provider does not ask.",
    )

    class Meta:
        model = IdentityProvider
        fields = ("organization", *changes.FIELDS)
        widgets = {
            "discovery_url": forms.TextInput(attrs={"placeholder": "https://login.example.com/realms/acme"})
        }

    field_order = ("name", "organization", "slug", "discovery_url", "client_id", "secret", "removes_secret")

    def __init__(self, user: User, organizations: OrganizationQuerySet, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        role: Any = self.fields["default_role"]
        role.choices = [("", "None"), *Role.Name.choices]
        if not self.instance.client_secret:
            del self.fields["removes_secret"]
        if not user.reaches_everything:
            del self.fields["is_listed"]
        if self.instance._state.adding:
            self.fields["organization"].queryset = organizations.order_by("path")  # type: ignore[attr-defined]
            return
        del self.fields["organization"]
        if self.instance.client_secret:
            self.fields["secret"].help_text = STAYS

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        if given.get("secret") and given.get("removes_secret"):
            self.add_error("secret", "Leave it empty to remove the stored one, or write another one.")
        return given


class GroupForm(WholeRoleForm):
    """Which built-in role a group's members have, where."""

    offers_own = False

    group = forms.CharField(
        max_length=255, help_text="As the provider writes it, capitals too; some send ids instead of names."
    )

    field_order = ["group"]


class TeamField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.organization} / {obj}"


class GroupTeamForm(forms.Form):
    """Which team a group's members are in."""

    prefix = "team"

    group = forms.CharField(max_length=255, help_text="As the provider writes it, capitals too.")
    team = TeamField(queryset=None, empty_label=None)

    def __init__(self, organizations: OrganizationQuerySet, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = Team.objects.filter(organization__in=organizations).select_related("organization")
        self.fields["team"].queryset = offered.order_by("organization__path", "name")  # type: ignore[attr-defined]
        self.offers_some = offered.exists()
