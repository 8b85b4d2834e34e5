"""Every shared component in every tone: what a page may be built of."""

import re
from datetime import timedelta
from functools import cache
from pathlib import Path

from django import forms
from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from analytics.bars import Bars, bars
from analytics.figures import CLASSES, Figures
from analytics.ranges import last
from apis.views.conflict import Conflict, ConflictRow
from console.listing import Listing, Select
from console.models import AuditEntry
from console.templatetags.ui import SPRITE

TONES = ("", "ok", "warn", "bad", "info")


class ExampleForm(forms.Form):
    """One field of each shape."""

    name = forms.CharField(help_text="Lower-case letters, digits and hyphens.")
    port = forms.IntegerField(help_text="1 to 65535.", initial=8081)
    description = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}), required=False)
    protocol = forms.ChoiceField(choices=[("http", "HTTP"), ("https", "HTTPS")])
    platform = forms.ChoiceField(
        choices=[("linux", "Linux"), ("docker", "Docker"), ("kubernetes", "Kubernetes")],
        widget=forms.RadioSelect,
        initial="linux",
    )
    methods = forms.MultipleChoiceField(
        choices=[("GET", "GET"), ("POST", "POST")], widget=forms.CheckboxSelectMultiple, required=False
    )
    specification = forms.FileField(required=False, help_text="An OpenAPI document, YAML or JSON.")
    expose = forms.BooleanField(
        label="Expose headers", required=False, help_text="Tells clients what is left."
    )


def styleguide(request: HttpRequest) -> HttpResponse:
    return render(
        request,
        "console/styleguide.html",
        {
            "tones": TONES,
            "form": ExampleForm(),
            "bad_form": ExampleForm(
                {"name": "", "port": "70000", "protocol": "http", "platform": "linux"}, auto_id="bad_%s"
            ),
            "dialog_form": ExampleForm(auto_id="dialog_%s"),
            "listing": _listing(request),
            "entries": _entries(),
            "chart": _chart(),
            "icons": _icons(),
            "conflict": Conflict(
                _entries()[0],
                [
                    ConflictRow("Requests", "9", "5", "1", "requests", "conflict", "mine"),
                    ConflictRow(
                        "Time period", "1 second", "1 minute", "1 second", "period", "theirs", "theirs"
                    ),
                ],
                was="signed",
            ),
            "command": "gatewright registration create --token 6bX… --connected=true",
        },
    )


def _listing(request: HttpRequest) -> Listing:
    states = Select("status", "Status", [("Connected", "Connected")])
    page = Paginator(range(120), 20).page(2)
    return Listing("tables-found", "gateway", page, request.path, searches="name", selects=(states,))


def _entries() -> list[AuditEntry]:
    now = timezone.now()
    common = {"actor_name": "ada", "object_type": "gateway", "object_name": "eu-1", "object_id": "1"}
    changed = {
        "base_path": ["/orders", "/orders/v2"],
        "tags": [[], ["retail"]],
        "description": ["", "Orders"],
    }
    return [
        AuditEntry(action="delete", at=now, **common),
        AuditEntry(action="update", at=now - timedelta(minutes=4), diff=changed, **common),
        AuditEntry(action="create", at=now - timedelta(days=3), diff={"name": [None, "eu-1"]}, **common),
    ]


def _chart() -> Bars:
    hour = last(timedelta(hours=1))
    steps = [
        Figures(20, dict.fromkeys(CLASSES, 0) | {"2xx": 17 - place % 7, "4xx": 2 + place % 7, "5xx": 1})
        for place in range(len(hour.times))
    ]
    return bars(hour, steps, {hour.start + timedelta(minutes=20): "Deployment 41"})


@cache
def _icons() -> list[str]:
    sprite = Path(settings.BASE_DIR, "static", SPRITE).read_text()
    return re.findall(r'<symbol id="([^"]+)"', sprite)
