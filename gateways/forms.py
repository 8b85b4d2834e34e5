"""What a person fills in to add a gateway."""

from django import forms

from gateways.models import Gateway


class AddGatewayForm(forms.Form):
    """Whether the name can be had is asked of `gateways.change`, which REST asks too."""

    name = forms.CharField(
        label="Name",
        max_length=42,
        help_text="Lower-case letters, digits and hyphens: edge-eu, say.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    platform = forms.ChoiceField(
        label="Where will it run?", choices=Gateway.Platform, initial=Gateway.Platform.LINUX
    )
