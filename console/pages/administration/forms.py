"""The forms of administration."""

from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import QueryDict

from console.app_access import AppAccess
from console.audit_log.models import LEAST_DAYS, MOST_DAYS
from console.forms import searched
from console.forms.cards import Card
from console.models import ConnectedApp, Environment, Organization, OrganizationQuerySet, Role, User
from console.pages.end_form import EndForm
from console.pages.permission_choices import PERMISSIONS, chosen_among
from console.roles.models import CustomRole
from console.teams.models import Team

ROLE_HELP = (
    "An administrator manages users and settings too; a manager changes gateways, APIs and policies; "
    "a viewer only looks."
)


EM_SPACE = "\u2003"


class PlaceField(forms.ModelChoiceField):
    """Organizations, indented as they nest."""

    def label_from_instance(self, obj: Any) -> str:
        return f"{EM_SPACE * obj.depth}{obj.name}"


class WholeRoleForm(forms.Form):
    """A role in an organization, or in one environment of it. `offers_own`: organizations' own roles too."""

    offers_own = True

    organization = PlaceField(queryset=Organization.objects.none(), empty_label=None)
    environment = forms.ModelChoiceField(
        queryset=Environment.objects.none(),
        required=False,
        empty_label="Every environment, and the business groups below",
    )
    role = forms.ChoiceField(choices=Role.Name.choices, initial=Role.Name.VIEWER, help_text=ROLE_HELP)

    def __init__(self, organizations: OrganizationQuerySet, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.offers_own:
            custom = CustomRole.objects.filter(organization__in=organizations).select_related("organization")
            own = [
                (f"custom-{one.pk}", f"{one} ({one.organization})") for one in custom[: CustomRole.MOST * 5]
            ]
            self.fields["role"].choices = [*Role.Name.choices, *own]  # type: ignore[attr-defined]
        environments = Environment.objects.filter(organization__in=organizations)
        self.fields["organization"].queryset = organizations.order_by("path")  # type: ignore[attr-defined]
        choice = self.fields["environment"]
        choice.queryset = environments.select_related("organization").order_by("organization__name", "name")  # type: ignore[attr-defined]
        choice.label_from_instance = lambda one: f"{one.organization} / {one}"  # type: ignore[attr-defined]


def apis_in(organization: Organization, environment: Environment | None) -> QuerySet[Any]:
    """Of the environment, or else of the organization's own ones."""
    apis = Role._meta.get_field("api").related_model._default_manager
    if environment:
        return apis.filter(environment=environment, environment__organization=organization)
    return apis.filter(environment__organization=organization)


class RoleForm(WholeRoleForm):
    """The same, or for one API alone."""

    api = forms.CharField(
        label="Only the API",
        required=False,
        max_length=searched.LONGEST,
        widget=searched.SearchedInput("apis_to_choose", ("organization", "environment")),
        help_text="Its name or id: the role is for that API alone, and others stay out of sight. "
        "Empty: every API.",
    )

    field_order = ["organization", "environment", "api", "role"]

    def clean(self) -> dict[str, Any]:
        """With the API itself in the place of what was typed, and its environment where none was chosen."""
        found = super().clean() or {}
        typed, found["api"] = found.get("api"), None
        if typed and not self.errors:
            organization, environment = found["organization"], found.get("environment")
            try:
                found["api"] = searched.one(apis_in(organization, environment), typed)
            except ValidationError as error:
                self.add_error("api", error)
            else:
                if found["api"] is None:
                    self.add_error("api", f"There is no such API in {environment or organization}.")
                else:
                    found["environment"] = found["api"].environment
        return found

    def place(self) -> dict[str, Any]:
        """Where the role is given, for `granting`."""
        facts = self.cleaned_data
        names = ("organization", "environment", "api")
        return {name: facts[name] for name in names} | {"name": facts["role"]}


class UserForm(RoleForm):
    username = forms.CharField(
        max_length=150,
        validators=User._meta.get_field("username").validators,
        help_text="Letters, digits and @ . + - _",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    email = forms.EmailField(
        label="E-mail address",
        required=False,
        help_text="Notices go there, and the link to a new password where it was forgotten.",
    )

    field_order = ["username", "email", "organization", "environment", "api", "role"]


class NameForm(forms.Form):
    """`seen` is the name that the form showed: who renames what was renamed meanwhile is told so first."""

    name = forms.CharField(max_length=120)
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def is_late(self, current: str) -> bool:
        """Whether the name is another one by now. Sent once more, the form overwrites it."""
        if self.cleaned_data["seen"] in ("", current):
            return False
        data = cast(QueryDict, self.data).copy()
        data["seen"] = current
        self.data = data
        mine = self.cleaned_data["name"]
        self.add_error(
            "name", f'It was renamed to "{current}" after you opened this; save again to call it "{mine}".'
        )
        return True


class EnvironmentForm(NameForm):
    seen = None  # type: ignore[assignment]  # a new one has no name that another could change
    type = forms.ChoiceField(
        choices=Environment.Type.choices, widget=forms.RadioSelect, initial=Environment.Type.SANDBOX
    )


class DeploysForm(forms.Form):
    """`seen` is the version of what the form showed."""

    WORDS = {
        Environment.Deploys.ON_SAVE: "At once; a form offers to save alone, too",
        Environment.Deploys.REVIEW: "They gather until somebody looks at what differs and deploys it",
        Environment.Deploys.SECOND_PERSON: "The same, by one who made none of them",
    }

    deploys = forms.ChoiceField(
        label="Saved changes are deployed",
        choices=[(one.value, Card(one.label, words)) for one, words in WORDS.items()],
        widget=forms.RadioSelect,
    )
    failing_tests_stop = forms.BooleanField(
        required=False,
        label="Failing tests stop a deployment",
        help_text="In the review, each test of the API must pass on what is about to be deployed. "
        "Administrators may deploy all the same, and say so.",
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)


class RetentionForm(forms.Form):
    days = forms.IntegerField(
        label="Keep entries for",
        min_value=LEAST_DAYS,
        max_value=MOST_DAYS,
        help_text=f"Days, {LEAST_DAYS} to {MOST_DAYS}. It counts from a week from now on, so that a mistake "
        "costs nothing at once.",
    )


class AppAccessForm(EndForm):
    """What a connected app may do, where, and until when."""

    EVERYWHERE, CHOSEN = "all", "chosen"
    NEVER = "never"

    role = forms.ChoiceField(
        choices=[*Role.Name.choices, (ConnectedApp.SCOPES, "Chosen permissions")],
        initial=Role.Name.VIEWER,
        help_text=f"{ROLE_HELP} It may never do more than its owner.",
    )
    scopes = forms.MultipleChoiceField(
        label="Permissions",
        choices=PERMISSIONS,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Those that its owner holds. Who may change something may look at it, too.",
    )
    where = forms.ChoiceField(
        choices=[(CHOSEN, "Chosen environments"), (EVERYWHERE, "Every environment of the organization")],
        initial=CHOSEN,
        widget=forms.RadioSelect,
    )
    environments = forms.ModelMultipleChoiceField(
        queryset=Environment.objects.none(), required=False, widget=forms.CheckboxSelectMultiple
    )
    expires = forms.ChoiceField(
        choices=[*EndForm.DAYS.items(), (EndForm.ON_A_DATE, "On a date"), (NEVER, "Never")],
        initial="90",
        help_text="From then on its secret and its tokens no longer work; you can give it more time later.",
    )

    def __init__(self, organizations: OrganizationQuerySet, owner: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        scopes: Any = self.fields["scopes"]
        scopes.choices = chosen_among(owner)
        choice: Any = self.fields["environments"]
        environments = Environment.objects.filter(organization__in=organizations)
        choice.queryset = environments.select_related("organization").order_by("organization__path", "name")
        choice.label_from_instance = lambda one: f"{one.organization} / {one}"

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if found.get("where") == self.CHOSEN and not found.get("environments"):
            self.add_error("environments", "Choose at least one environment, or every one.")
        if found.get("role") == ConnectedApp.SCOPES and "scopes" in found and not found["scopes"]:
            self.add_error("scopes", "Choose at least one permission, or a role.")
        return found

    def access(self) -> AppAccess:
        """What was chosen, of a form that is valid."""
        facts = self.cleaned_data
        is_everywhere = facts["where"] == self.EVERYWHERE
        return AppAccess(
            role=facts["role"],
            environments=() if is_everywhere else tuple(facts["environments"]),
            in_every_environment=is_everywhere,
            expires_at=None if facts["expires"] == self.NEVER else self.end(),
            scopes=tuple(facts["scopes"]) if facts["role"] == ConnectedApp.SCOPES else (),
        )


class AppForm(AppAccessForm):
    name = forms.CharField(max_length=120, help_text="What will use it: a pipeline, a script, a tool.")
    organization = PlaceField(queryset=Organization.objects.none(), empty_label=None)

    field_order = ["name", "organization"]

    def __init__(self, organizations: OrganizationQuerySet, owner: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(organizations, owner, *args, **kwargs)
        self.fields["organization"].queryset = organizations.order_by("path")  # type: ignore[attr-defined]


class CustomRoleForm(forms.Form):
    """A name and what whoever holds it may do."""

    name = forms.CharField(max_length=CustomRole.LONGEST_NAME)
    description = forms.CharField(max_length=300, required=False)
    permissions = forms.MultipleChoiceField(
        choices=PERMISSIONS,
        widget=forms.CheckboxSelectMultiple,
        help_text="Who may change something may look at it, too.",
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)


class NewCustomRoleForm(CustomRoleForm):
    organization = PlaceField(queryset=Organization.objects.none(), empty_label=None)
    field_order = ["organization", "name", "description", "permissions"]

    def __init__(self, organizations: OrganizationQuerySet, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["organization"].queryset = organizations.order_by("path")  # type: ignore[attr-defined]


class TeamForm(forms.Form):
    name = forms.CharField(max_length=Team.LONGEST_NAME)
    description = forms.CharField(max_length=300, required=False)


class NewTeamForm(TeamForm):
    organization = PlaceField(queryset=Organization.objects.none(), empty_label=None)
    field_order = ["organization", "name", "description"]

    def __init__(self, organizations: OrganizationQuerySet, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["organization"].queryset = organizations.order_by("path")  # type: ignore[attr-defined]


class MemberForm(forms.Form):
    username = forms.CharField(max_length=150, help_text="Of somebody who has a role where you administer.")
