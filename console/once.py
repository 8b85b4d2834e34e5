"""What a form makes is made once, however often the form is sent: where its button was pressed twice, say, or
its answer was loaded again. So a secret that is shown in the answer alone is seen by who asked for it; for
some minutes, as a tab may stay open for whoever comes to the machine next.
"""

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.crypto import salted_hmac

FIELD = "once"
"""A hidden field, other each time that the form is shown."""
OTHERS = ("csrfmiddlewaretoken",)
SHOWN = timedelta(minutes=10)
LATE = "This form was sent at {:%H:%M} UTC, {:%-d %B}; what it made was shown then, and is not shown again."


def new() -> str:
    """The field's value."""
    return secrets.token_urlsafe(16)


@dataclass(frozen=True)
class Sending:
    """A form as one person filled it in; as often as it is sent, it is the same."""

    text: str

    def secret(self, purpose: str) -> str:
        """256 bits that nobody else can tell, the same each time that the form is sent."""
        digest = salted_hmac(f"console.once.{purpose}", self.text, algorithm="sha256").digest()
        return urlsafe_b64encode(digest).rstrip(b"=").decode()


def of(request: HttpRequest) -> Sending | None:
    """None for a form that came without the field: it is new each time."""
    if not request.POST.get(FIELD):
        return None
    return Sending(repr((str(request.user.pk), _content(request.POST))))


def check_shown(made_at: datetime) -> None:
    """Before what was made is shown again. Raises ValidationError once it was shown long enough."""
    if timezone.now() > made_at + SHOWN:
        raise ValidationError(LATE.format(made_at, made_at))


def _content(form: QueryDict) -> Mapping[str, list[str]]:
    return {name: form.getlist(name) for name in sorted(form) if name not in OTHERS}
