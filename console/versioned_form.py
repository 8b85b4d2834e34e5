"""A form that notices that its row was changed since it was opened."""

from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.db import models
from django.http import QueryDict

from console import audit
from console.versions import version

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]
else:
    ModelForm = forms.ModelForm


class VersionedForm(ModelForm):
    """Carries the version of the row that it showed. Sent once more after a refusal, it overwrites.

    It locks the row while it is looked at: validate it in the transaction in which it is saved.
    """

    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "seen" in self.fields and not self.instance._state.adding:
            self.initial["seen"] = _version(self.instance)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        seen = "" if self.instance._state.adding else given.get("seen")
        rows = type(self.instance)._default_manager.select_for_update(of=("self",))
        row = rows.filter(pk=self.instance.pk).first() if seen else None
        if row is not None and _version(row) != seen:
            data = cast(QueryDict, self.data).copy()
            data[self.add_prefix("seen")] = _version(row)
            self.data = data
            self.add_error(None, self._words(row))
        return given

    def _words(self, row: models.Model) -> str:
        entry = audit.history(row).first()
        who = f"{entry.actor_name} changed this" if entry else "This was changed"
        shown = [name for name in self.changed_data if name in self.cleaned_data and hasattr(row, name)]
        pairs = ((self[name].label, self.cleaned_data[name], getattr(row, name)) for name in shown)
        told = [f'{label} is "{saved}", yours "{mine}"' for label, mine, saved in pairs if mine != saved]
        differs = "; ".join(told) or "What you changed is as it was"
        return f"{who} after you opened it. {differs}. Save again to overwrite it."


def _version(row: models.Model) -> str:
    """Of what may be edited; a login changes nothing of it."""
    kept = [field for field in row._meta.concrete_fields if field.editable and field.name != "last_login"]
    return version({field.name: field.value_to_string(row) for field in kept})
