"""Model fields that the console's apps share."""

import json
from typing import TYPE_CHECKING, Any

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import models

from console.lines import IS_NONE, is_line

if TYPE_CHECKING:
    CharField = models.CharField[str, str]
else:
    CharField = models.CharField


class LineField(CharField):
    """A text that pages, logs and mails show on one line, by whatever way it comes: a form, REST, a file.

    Saving a row raises ValidationError where it is none. A row that had such a text before goes on with it
    until it is another one.
    """

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        text = super().pre_save(model_instance, add)
        if isinstance(text, str) and not is_line(text) and not _is_stored(model_instance, self.attname):
            raise ValidationError({self.name: [ValidationError(IS_NONE, code="line")]})
        return text

    def deconstruct(self) -> Any:
        """The column is that of any text."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.CharField", args, kwargs


def _is_stored(row: models.Model, name: str) -> bool:
    rows = type(row)._base_manager.filter(pk=row.pk, **{name: getattr(row, name)})
    return row.pk is not None and rows.exists()


class EncryptedJSONField(models.TextField):
    """JSON, encrypted at rest with the newest of GATEWRIGHT_ENCRYPTION_KEYS."""

    description = "Encrypted JSON"
    _pyi_private_set_type: Any
    _pyi_private_get_type: Any

    def from_db_value(self, value: str | None, *_: Any) -> Any:
        if value is None:
            return None
        try:
            return json.loads(settings.KEYS.fernet.decrypt(value.encode()))
        except InvalidToken as error:
            raise ImproperlyConfigured(
                "A stored secret cannot be decrypted: put the key it was written with back into "
                "GATEWRIGHT_ENCRYPTION_KEYS."
            ) from error

    def to_python(self, value: Any) -> Any:
        return value

    def get_prep_value(self, value: Any) -> str | None:
        if value is None:
            return None
        return settings.KEYS.fernet.encrypt(json.dumps(value).encode()).decode()

    def value_to_string(self, obj: models.Model) -> str:
        return self.get_prep_value(self.value_from_object(obj)) or ""
