"""A form's question of until when something is good."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone


class EndForm(forms.Form):
    """For some days, or to the end of a date, in UTC."""

    ON_A_DATE = "date"
    DAYS = {"30": "In 30 days", "90": "In 90 days", "365": "In a year"}

    expires = forms.ChoiceField(choices=[*DAYS.items(), (ON_A_DATE, "On a date")], initial="90")
    expires_at = forms.DateField(
        label="Date", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if found.get("expires") == self.ON_A_DATE and not found.get("expires_at"):
            self.add_error("expires_at", "Choose the date, or another end.")
        return found

    def end(self) -> datetime:
        """Of a form that is valid, and says one."""
        chosen = self.cleaned_data["expires"]
        if chosen == self.ON_A_DATE:
            return datetime.combine(self.cleaned_data["expires_at"], time.max, UTC)
        return timezone.now() + timedelta(days=int(chosen))
