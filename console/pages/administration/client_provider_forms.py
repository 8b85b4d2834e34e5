"""The forms of client providers, and of which one an environment has."""

from typing import Any

from django import forms

from apis.changes import client_providers as change
from apis.client_providers.models import Chosen, ClientProvider
from apis.secret_groups.models import Secret
from console.addressed import STAYS
from console.models import Environment, OrganizationQuerySet
from console.pages.administration.forms import PlaceField
from console.versioned_form import VersionedForm


class ClientProviderForm(VersionedForm):
    """`organization` is chosen once, when the provider is added."""

    organization = PlaceField(
        queryset=None,
        empty_label=None,
        help_text="Its environments and those of the business groups below may choose it.",
    )
    secret = forms.CharField(
        label="Client secret",
        required=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Of the gateways' client there. It is stored encrypted and shown to nobody.",
    )

    class Meta:
        model = ClientProvider
        fields = ("organization", *change.FIELDS)
        widgets = {
            "discovery_url": forms.TextInput(attrs={"placeholder": "https://login.example.com/realms/acme"})
        }

    field_order = ("name", "organization", "discovery_url", "introspection_url", "client_id", "secret")

    def __init__(self, organizations: OrganizationQuerySet, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:
            self.fields["organization"].queryset = organizations.order_by("path")  # type: ignore[attr-defined]
            return
        del self.fields["organization"]
        self.fields["secret"].help_text = STAYS


class StoreField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return str(obj.reference)


class ChoiceForm(forms.Form):
    """`seen` is the version of what the form showed."""

    provider: Any = forms.ModelChoiceField(
        label="Client provider",
        queryset=None,
        required=False,
        empty_label="None",
        help_text="It judges tokens for policies of this environment that name no provider of their own.",
    )
    truststore = StoreField(
        queryset=None,
        required=False,
        empty_label="The CAs that gateways trust",
        help_text="Who vouches for the provider's certificate: a truststore of this environment's secrets.",
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, environment: Environment, chosen: Chosen | None, data: Any = None) -> None:
        shown: dict[str, Any] = {"seen": change.version_of(chosen)}
        if chosen:
            shown |= {"provider": chosen.provider_id, "truststore": chosen.truststore_id}
        super().__init__(data, initial=shown)
        stores = Secret.objects.without_content().filter(group__environment=environment)
        stores = stores.filter(kind=Secret.Kind.TRUSTSTORE).select_related("group")
        fields: Any = self.fields
        fields["provider"].queryset = ClientProvider.objects.offered_to(environment)
        fields["truststore"].queryset = stores.order_by("group__name", "name")
