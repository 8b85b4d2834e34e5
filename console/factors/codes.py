"""Codes as a second factor: those that an app shows, new each half minute, and those for when it is lost.

`cryptography` computes them. A code counts once: it must be of a later time step than the last one that did.
"""

import base64
import secrets
import time
from datetime import timedelta

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.db import transaction
from django.utils import timezone

from console.digests import digest
from console.factors.models import SecondFactor
from console.models import User

STEP_SECONDS = 30
EARLIER, LATER = 1, 1
"""How many steps a phone's clock may be behind or ahead."""
MOST_FAILURES = 8
WINDOW = timedelta(minutes=15)
RECOVERY_CODES = 10
ISSUER = "Gatewright"


class TooManyCodes(Exception):
    """Wrong codes; `minutes` until the next one is looked at."""

    def __init__(self, minutes: int) -> None:
        super().__init__(f"Too many wrong codes. Try again in {minutes} min.")
        self.minutes = minutes


def new_secret() -> str:
    return base64.b32encode(secrets.token_bytes(20)).decode()


def uri(user: User, secret: str) -> str:
    """What the app reads from the QR code."""
    return _totp(secret).get_provisioning_uri(user.get_username(), ISSUER)


def step_of(secret: str, code: str, after: int = 0) -> int | None:
    """The time step of this code, later than `after`; None for a code that is none, or counted already."""
    now = int(time.time()) // STEP_SECONDS
    for step in range(max(now - EARLIER, after + 1), now + LATER + 1):
        try:
            _totp(secret).verify(code.encode(), step * STEP_SECONDS)
        except (InvalidToken, UnicodeEncodeError):
            continue
        return step
    return None


@transaction.atomic
def counts(user: User, code: str) -> bool:
    """Whether the code is one of the app's, or a recovery code, which is used up. Raises TooManyCodes."""
    factor = SecondFactor.objects.select_for_update().filter(user=user).first()
    if factor is None:
        return False
    _check_failures(factor)
    text = "".join(one for one in code if one.isalnum()).upper()
    is_right = _try(factor, text)
    if is_right:
        factor.failures = 0
    else:
        factor.failures, factor.failed_at = factor.failures + 1, timezone.now()
    factor.save()
    return is_right


def new_recovery_codes() -> list[str]:
    """80 bits each, in groups that are easy to write down."""
    texts = [base64.b32encode(secrets.token_bytes(10)).decode() for _ in range(RECOVERY_CODES)]
    return ["-".join(text[at : at + 4] for at in range(0, 16, 4)) for text in texts]


def hashed(codes: list[str]) -> list[str]:
    return [digest(code.replace("-", "")) for code in codes]


def fail(user: User) -> None:
    """A passkey that was none counts as a wrong code does."""
    with transaction.atomic():
        factor = SecondFactor.objects.select_for_update().filter(user=user).first()
        if factor:
            factor.failures, factor.failed_at = factor.failures + 1, timezone.now()
            factor.save(update_fields=["failures", "failed_at"])


def check_failures(user: User) -> None:
    if factor := SecondFactor.objects.filter(user=user).first():
        _check_failures(factor)


def _check_failures(factor: SecondFactor) -> None:
    """Per user, from wherever they come: whoever has the password could else guess from many addresses."""
    if factor.failed_at is None or factor.failures < MOST_FAILURES:
        return
    left = factor.failed_at + WINDOW - timezone.now()
    if left > timedelta():
        raise TooManyCodes(1 + int(left.total_seconds() // 60))
    factor.failures = 0


def _try(factor: SecondFactor, text: str) -> bool:
    if len(text) == 6 and factor.totp_secret:
        step = step_of(str(factor.totp_secret), text, factor.totp_step)
        if step is not None:
            factor.totp_step = step
        return step is not None
    tried = digest(text)
    if tried not in factor.recovery_hashes:
        return False
    factor.recovery_hashes = [one for one in factor.recovery_hashes if one != tried]
    return True


def _totp(secret: str) -> TOTP:
    return TOTP(base64.b32decode(secret), 6, SHA1(), STEP_SECONDS)  # noqa: S303 — what apps speak
