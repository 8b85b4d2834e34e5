"""Personal tokens for tests."""

import re
from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from console.models import Environment, User
from console.tokens import changes
from console.tokens.models import PersonalToken
from tests.rest import Rest

ADD = "/profile/tokens/add"
FORM: dict[str, Any] = {"name": "nightly", "permissions": ["view:apis"], "expires": "90"}


def make_token(user: User, *permissions: str, **fields: Any) -> tuple[PersonalToken, str]:
    """Of a fresh row of the user, as a request would have it."""
    how = {name: fields.pop(name) for name in ("with_factor", "sending") if name in fields}
    given = {"name": "nightly", "expires_at": timezone.now() + timedelta(days=90), **fields}
    wanted = changes.WantedToken(permissions=permissions or ("view:apis",), **given)
    return changes.make(User.objects.get(pk=user.pk), wanted, **how)


def rest_by(secret: str, environment: Environment | None = None) -> Rest:
    rest = Rest(None, environment)
    rest.headers = {"Authorization": f"Bearer {secret}"}
    return rest


def made_on_the_page(browser: Client, **fields: Any) -> str:
    """The token that the page shows."""
    page = browser.post(ADD, FORM | fields).content.decode()
    found = re.search(r"gwp_[\w-]{43}", page)
    assert found, page
    return found[0]
