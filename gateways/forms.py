"""What a person fills in to add a gateway."""

from django import forms
from django.urls import reverse_lazy

from console.forms.cards import Card
from gateways.models import Gateway

PLATFORMS = [
    (
        Gateway.Platform.LINUX,
        Card("Linux", "A process on a machine, with Python 3.11 or newer", "square-terminal"),
    ),
    (Gateway.Platform.DOCKER, Card("Docker", "A container, with Docker or Podman", "container")),
    (
        Gateway.Platform.KUBERNETES,
        Card("Kubernetes", "A Deployment, one replica for each pod", "ship-wheel"),
    ),
]


class AddGatewayForm(forms.Form):
    """`gateways.change` is asked whether the name can be had, here and by REST, and while it is typed."""

    name = forms.CharField(
        label="Name",
        max_length=42,
        help_text="3 to 42 lower-case letters, digits and hyphens, starting with a letter: edge-eu, say.",
        widget=forms.TextInput(
            {
                "autofocus": True,
                "autocomplete": "off",
                "autocapitalize": "none",
                "spellcheck": "false",
                "hx-get": reverse_lazy("gateway_name"),
                "hx-trigger": "input changed delay:250ms",
                "hx-target": "#id_name_helptext",
                "hx-swap": "outerHTML",
                "hx-sync": "this:replace",
            }
        ),
    )
    platform = forms.ChoiceField(
        label="Where will it run?",
        choices=PLATFORMS,
        initial=Gateway.Platform.LINUX,
        widget=forms.RadioSelect,
    )
