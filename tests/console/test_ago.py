"""How long ago something was, in Django's words."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.timesince import timesince

from console.templatetags.ui import _words

MINUTE, HOUR, DAY, WEEK = (timedelta(seconds=one) for one in (60, 3600, 86400, 604800))


@pytest.mark.parametrize(
    "passed",
    [
        *(MINUTE, 2 * MINUTE, HOUR - MINUTE, HOUR, 2 * HOUR, DAY - MINUTE, DAY, 3 * DAY, WEEK - HOUR, WEEK),
        *(2 * WEEK, 4 * WEEK - HOUR, 4 * WEEK, 40 * DAY, 400 * DAY),
    ],
    ids=str,
)
def test_it_is_told_as_django_tells_it(passed: timedelta) -> None:
    now = timezone.now()
    then = now - passed

    assert _words(then, passed.total_seconds()) == f"{timesince(then, now, depth=1)} ago"
    later = timezone.now() + passed + timedelta(seconds=30)
    assert _words(later, -passed.total_seconds() - 30) == f"in {timesince(now, now + passed, depth=1)}"
