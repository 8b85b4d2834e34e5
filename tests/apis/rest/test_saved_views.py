"""REST: searches of the list of APIs are kept under names, as the page keeps them."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apis.lists.models import MOST, SavedView
from console.models import Environment, Role
from gateways.models import Gateway
from tests.apis.rest.bodies import refused
from tests.apis.views.pages import make_place, text
from tests.factories import make_environment, make_gateway, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db
SEARCH = {"status": "Failed", "pending": True, "owner": "team:web", "query": "orders", "sort": "-changed"}


@pytest.fixture
def views(environment: Environment) -> str:
    start = f"/apimanager/api/v1/organizations/{environment.organization_id}"
    return f"{start}/environments/{environment.pk}/saved-views"


def viewer_of(environment: Environment) -> Rest:
    user = make_user()
    make_role(user, environment.organization, Role.Name.VIEWER)
    return Rest(user, environment)


def test_one_is_kept_as_the_page_keeps_it(
    rest: Rest, views: str, environment: Environment, gateway: Gateway
) -> None:
    body = {"name": "Broken", "shared": True, "search": SEARCH | {"gateway": str(gateway.pk)}}

    made = rest("POST", views, body)

    assert (made.status_code, made.data["search"]) == (201, body["search"]), made.data
    view = SavedView.objects.get()
    assert view.query == (
        f"q=orders&status=Failed&gateway={gateway.pk}&owner=team%3Aweb&pending=yes&sort=-changed"
    )
    page = make_place(Role.Name.VIEWER, environment).client.get("/apis/views")
    assert "Broken" in text(page) and "team:web" in text(page)
    listed = rest("GET", views).data
    assert (listed["total"], listed["views"]) == (1, [made.data])
    assert rest("GET", f"{views}/{made.data['id']}").data == made.data


def test_one_of_the_page_is_read(views: str, environment: Environment) -> None:
    place = make_place(Role.Name.VIEWER, environment)
    place.client.post("/apis/views/add", {"name": "Old", "deprecated": "no", "tag": "eu"})

    [one] = Rest(place.user, environment)("GET", views).data["views"]

    assert (one["name"], one["shared"]) == ("Old", False)
    assert one["search"] == {"deprecated": False, "tag": "eu"}


def test_it_changes_as_it_was_seen_and_goes(rest: Rest, views: str) -> None:
    made = rest("POST", views, {"name": "Broken", "search": SEARCH})
    one = f"{views}/{made.data['id']}"

    changed = rest("PATCH", one, {"search": {"tag": "eu"}}, **{"If-Match": made.headers["ETag"]})
    late = rest("PATCH", one, {"name": "Mine"}, **{"If-Match": made.headers["ETag"]})

    assert (changed.data["name"], changed.data["search"]) == ("Broken", {"tag": "eu"})
    refused(late, 412)
    refused(rest("DELETE", one, **{"If-Match": made.headers["ETag"]}), 412)
    assert rest("PATCH", one, {"name": "Mine"}).data["search"] == {"tag": "eu"}
    assert rest("DELETE", one).status_code == 204
    refused(rest("GET", one), 404)


def test_the_whole_answer_can_be_sent_back(rest: Rest, views: str) -> None:
    made = rest("POST", views, {"name": "Broken", "search": SEARCH}).data

    assert rest("PATCH", f"{views}/{made['id']}", made).data == made


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "name: This field is required."),
        ({"name": "", "search": {}}, "name"),
        ({"name": "x" * 81, "search": {}}, "name"),
        ({"name": "a\nb", "search": {}}, "name: It holds a line break"),
        ({"name": "a"}, "search: This field is required."),
        (
            {"name": "a", "search": {"stat": "Active"}},
            'search.stat: There is no such field; did you mean "status"',
        ),
        ({"name": "a", "search": {"status": "Broken"}}, 'search.status: "Broken" is none of'),
        ({"name": "a", "search": {"sort": "colour"}}, 'search.sort: "colour" is none of'),
        ({"name": "a", "search": {"gateway": "edge"}}, "search.gateway: edge is no id"),
        ({"name": "a", "search": {}, "is_shared": True}, "is_shared: There is no such field"),
        ({"name": "a", "search": {"query": "ж" * 200, "tag": "ж" * 200}}, "search: It asks for too much"),
    ],
)
def test_what_cannot_be_kept_is_refused(rest: Rest, views: str, body: object, words: str) -> None:
    refused(rest("POST", views, body), 400, words)

    assert not SavedView.objects.exists()


def test_a_gateway_of_another_environment_is_refused(rest: Rest, views: str) -> None:
    body = {"name": "a", "search": {"gateway": str(make_gateway().pk)}}

    refused(rest("POST", views, body), 400, "search.gateway: That gateway is not in this environment")


def test_names_are_ones_own_once_and_so_many(rest: Rest, views: str, environment: Environment) -> None:
    rest("POST", views, {"name": "a", "search": {}})
    user = SavedView.objects.get().user
    SavedView.objects.bulk_create(
        SavedView(user=user, environment=environment, name=f"v{one}") for one in range(MOST - 2)
    )

    refused(rest("POST", views, {"name": "a", "search": {}}), 400, 'You have a view "a" here already')
    assert rest("POST", views, {"name": "b", "search": {}}).status_code == 201
    refused(rest("POST", views, {"name": "c", "search": {}}), 400, "delete one first")


def test_others_see_what_is_shared_and_change_nothing(
    rest: Rest, views: str, environment: Environment
) -> None:
    own = rest("POST", views, {"name": "mine", "search": {}}).data["id"]
    shared = rest("POST", views, {"name": "ours", "search": {}, "shared": True}).data["id"]
    viewer = viewer_of(environment)

    assert [one["name"] for one in viewer("GET", views).data["views"]] == ["ours"]
    refused(viewer("GET", f"{views}/{own}"), 404)
    refused(viewer("PATCH", f"{views}/{shared}", {"name": "theirs"}), 403, "Only")
    refused(viewer("DELETE", f"{views}/{shared}"), 403, "Only")
    refused(viewer("POST", views, {"name": "x", "search": {}, "shared": True}), 400, "shared: Only managers")
    assert viewer("POST", views, {"name": "x", "search": {}}).status_code == 201


def test_nobody_elsewhere_finds_one(rest: Rest, views: str) -> None:
    made = rest("POST", views, {"name": "ours", "search": {}, "shared": True}).data["id"]
    stranger = viewer_of(make_environment())

    for method in ("GET", "PATCH", "DELETE"):
        refused(stranger(method, f"{views}/{made}", {}), 404)
    refused(stranger("POST", views, {"name": "x", "search": {}}), 404)


def test_many_cost_no_more_queries(rest: Rest, views: str) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            rest("GET", views)
        return len(asked)

    rest("POST", views, {"name": "0", "search": SEARCH})
    few = queries()
    for number in range(1, 6):
        rest("POST", views, {"name": str(number), "search": SEARCH})

    assert queries() == few
    assert rest("GET", f"{views}?limit=2&offset=4").data["total"] == 6
