"""The forms of administration."""

from typing import Any

from django import forms

from console.models import Environment, Organization, OrganizationQuerySet, Role, User

ROLE_HELP = (
    "An administrator manages users and settings too; a manager changes gateways, APIs and policies; "
    "a viewer only looks."
)


EM_SPACE = "\u2003"


class PlaceField(forms.ModelChoiceField):
    """Organizations, indented as they nest."""

    def label_from_instance(self, obj: Any) -> str:
        return f"{EM_SPACE * obj.depth}{obj.name}"


class RoleForm(forms.Form):
    """A role in an organization, or in one environment of it."""

    organization = PlaceField(queryset=Organization.objects.none(), empty_label=None)
    environment = forms.ModelChoiceField(
        queryset=Environment.objects.none(),
        required=False,
        empty_label="Every environment, and the business groups below",
    )
    role = forms.ChoiceField(choices=Role.Name.choices, initial=Role.Name.VIEWER, help_text=ROLE_HELP)

    def __init__(self, organizations: OrganizationQuerySet, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        environments = Environment.objects.filter(organization__in=organizations)
        self.fields["organization"].queryset = organizations.order_by("path")  # type: ignore[attr-defined]
        choice = self.fields["environment"]
        choice.queryset = environments.select_related("organization").order_by("organization__name", "name")  # type: ignore[attr-defined]
        choice.label_from_instance = lambda one: f"{one.organization} / {one}"  # type: ignore[attr-defined]


class UserForm(RoleForm):
    username = forms.CharField(
        max_length=150,
        validators=User._meta.get_field("username").validators,
        help_text="Letters, digits and @ . + - _",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    email = forms.EmailField(required=False)

    field_order = ["username", "email"]


class NameForm(forms.Form):
    name = forms.CharField(max_length=120)


class EnvironmentForm(NameForm):
    type = forms.ChoiceField(
        choices=Environment.Type.choices, widget=forms.RadioSelect, initial=Environment.Type.SANDBOX
    )


class AppForm(NameForm):
    organization = PlaceField(queryset=Organization.objects.none(), empty_label=None)

    def __init__(self, organizations: OrganizationQuerySet, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].help_text = "What will use it: a pipeline, a script, a tool."
        self.fields["organization"].queryset = organizations.order_by("path")  # type: ignore[attr-defined]
