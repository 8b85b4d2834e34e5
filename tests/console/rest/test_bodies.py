"""A body that is JSON and no object says nothing: whatever address it is sent to, it is refused."""

import pytest

from console.models import Role
from tests.console.addresses import Address, addresses
from tests.console.each import for_each
from tests.console.place import make_place
from tests.factories import make_role, make_user
from tests.rest import Rest

OTHERS = ("rest_document", "rest_imports", "rest_telemetry", "rest_policy_definition")
"""Two take files, whatever stands in them, one takes whatever comes, and one is only read."""
REST = [one for one in addresses() if one.name.startswith("rest_") and one.name not in OTHERS]
METHODS = ("POST", "PUT", "PATCH")
LEAST = 60


@pytest.mark.parametrize("body", ["null", "[]"])
def test_what_is_no_object_is_refused(db: None, body: str) -> None:
    """Nor is anything else that is none, which the same parser reads. Some addresses take no such method."""
    place, administrator = make_place("Ours"), make_user()
    make_role(administrator, place.environment.organization, Role.Name.ADMINISTRATOR)
    rest, refused = Rest(administrator), []

    def look(address: Address) -> None:
        for method in METHODS:
            answer = rest(method, place.path(address), body)
            assert answer.status_code in (400, 403, 404, 405), (method, answer.data)
            assert set(answer.data) == {"name", "message", "errors"}, answer.data
            if answer.status_code == 400:
                refused.append(f"{method} {address.name}")

    for_each(REST, look)

    assert len(refused) >= LEAST, refused
