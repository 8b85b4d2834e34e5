"""The page that makes several copies of an API."""

from html import unescape
from typing import Any

import pytest

from apis.copying import jobs
from apis.forms import copies as form
from apis.models import ApiInstance
from console.models import Role, User
from tests.apis.changes.test_copies import make_whole
from tests.apis.views.pages import Place, make_place, make_saved_api, text

pytestmark = pytest.mark.django_db


def sent(place: Place, *rows: tuple[str, str, str], **more: object) -> dict[str, Any]:
    found: dict[str, Any] = {"copies": [str(at) for at in range(len(rows))], "gateway": str(place.gateway.pk)}
    for at, cells in enumerate(rows):
        for name, value in zip(("name", "base_path", "port", "u0"), cells, strict=False):
            found[f"copies.{at}.{name}"] = value
    return found | more


def address_of(api: ApiInstance) -> str:
    return f"/apis/{api.pk}/copies"


def done(place: Place, answer: Any) -> str:
    """The page after the worker has done it."""
    jobs.work(answer["Location"].partition("job=")[2])
    return unescape(text(place.client.get(answer["Location"])))


def test_several_copies_are_made_by_a_worker(place: Place) -> None:
    api = make_saved_api(place)
    rows = [("Orders EU", "", "", "http://eu:1/"), ("Orders US", "/us", "8090", "")]

    answer = place.client.post(address_of(api), sent(place, *rows, go="deploy"))
    waiting = unescape(text(place.client.get(answer["Location"])))
    page = done(place, answer)

    assert "Waiting for a worker" in waiting and "0 of 2" in waiting and 'hx-trigger="every 1s"' in waiting
    assert "Made 2 copies" in page and "Orders EU" in page and "every 1s" not in page
    eu, us = ApiInstance.objects.exclude(pk=api.pk).order_by("pk")
    assert (eu.base_path, eu.port, eu.upstreams.get().uri) == ("/orders-eu", 8081, "http://eu:1/")
    assert (us.base_path, us.port, us.upstreams.get().uri) == ("/us", 8090, "http://backend:8080/")
    assert eu.is_deployed and us.is_deployed


def test_each_row_says_what_is_wrong_with_it_and_none_is_made(place: Place) -> None:
    api = make_saved_api(place)
    rows = [("A", "/a", "", ""), ("", "/b", "", ""), ("C", "/orders/c", "", "nowhere"), ("A", "/d", "", "")]

    page = done(place, place.client.post(address_of(api), sent(place, *rows)))

    assert "3 of 4 rows are to be mended." in page
    wrong = ("1.name", "2.base_path", "2.u0", "3.name")
    assert [one for one in wrong if f'id="f-copies.{one}_error"' in page] == list(wrong)
    assert 'value="/orders/c"' in page and 'id="f-copies.0.name_error"' not in page
    assert ApiInstance.objects.count() == 1


def test_a_job_is_done_once_and_seen_by_who_asked_alone(place: Place) -> None:
    api = make_saved_api(place)
    other = make_place(Role.Name.MANAGER, place.environment)

    answer = place.client.post(address_of(api), sent(place, ("A", "/a", "")))
    done(place, answer)
    jobs.work(answer["Location"].partition("job=")[2])

    assert ApiInstance.objects.count() == 2
    assert "Made 1 copy" not in text(other.client.get(answer["Location"]))


@pytest.mark.parametrize("is_active", [True, False])
def test_who_may_not_edit_any_more_makes_nothing(place: Place, is_active: bool) -> None:
    api = make_saved_api(place)
    answer = place.client.post(address_of(api), sent(place, ("A", "/a", "")))
    if is_active:
        place.user.roles.update(name=Role.Name.VIEWER)
    else:
        User.objects.filter(pk=place.user.pk).update(is_active=False)

    jobs.work(answer["Location"].partition("job=")[2])

    job = jobs.found(place.user, answer["Location"].partition("job=")[2])
    assert job is not None and job.fault == jobs.NOT_ALLOWED
    assert ApiInstance.objects.count() == 1


@pytest.mark.parametrize(
    "pasted",
    [
        "Name\tBase path\tPort\tUpstream\r\nA\t/a\t8090\thttp://a/\r\nB\t/b\t\t\r\n",
        'A;/a;8090;http://a/\n"B";/b',
        "A, /a, 8090, http://a/\n\nB,/b,,\n",
    ],
)
def test_rows_are_pasted_from_a_spreadsheet(place: Place, pasted: str) -> None:
    api = make_saved_api(place)

    page = text(place.client.post(address_of(api), sent(place, ("", "", ""), rows=form.PASTE, pasted=pasted)))

    for name, value in (("0.name", "A"), ("0.port", "8090"), ("0.u0", "http://a/"), ("1.base_path", "/b")):
        assert f'value="{value}" id="f-copies.{name}"' in page, name
    assert 'id="f-copies.2.name"' not in page
    assert ApiInstance.objects.count() == 1


@pytest.mark.parametrize(
    ("pasted", "words"),
    [
        ("\n \n", "There is no row in it"),
        ("A,/a,1,http://a/,more", "more than 4 columns"),
        ("\n".join(f"A{at}" for at in range(100)), "101 rows"),
        ("x" * 70_000, "longer than"),
    ],
)
def test_what_is_pasted_is_bounded(place: Place, pasted: str, words: str) -> None:
    api = make_saved_api(place)

    page = unescape(
        text(place.client.post(address_of(api), sent(place, ("kept", "", ""), rows="paste", pasted=pasted)))
    )

    assert words in page and 'value="kept"' in page and "Nothing was saved" not in page


def test_a_table_without_a_row_or_with_a_wrong_port_asks_nobody(place: Place) -> None:
    api = make_saved_api(place)

    empty = place.client.post(address_of(api), sent(place, ("", "", "")))
    port = place.client.post(address_of(api), sent(place, ("A", "/a", "many")))

    assert empty.status_code == port.status_code == 422
    assert "Fill in a row for each copy." in text(empty)
    assert 'id="f-copies.0.port_error"' in text(port)


def test_more_rows_than_may_be_are_refused(place: Place) -> None:
    api = make_saved_api(place)

    answer = place.client.post(address_of(api), sent(place, *[(f"A{at}", "", "") for at in range(150)]))

    page = text(answer)
    assert answer.status_code == 422 and "There are more than 100 rows" in page
    assert 'id="f-copies.100.name"' in page and 'id="f-copies.101.name"' not in page


def test_each_upstream_has_a_column(place: Place) -> None:
    api = make_whole(place)

    page = text(place.client.get(address_of(api)))

    assert [name for name in ("one", "two", "spare") if f"<th>Upstream {name}</th>" in page] == [
        "one",
        "two",
        "spare",
    ]


def test_a_viewer_makes_no_copies(place: Place) -> None:
    api = make_saved_api(place)
    viewer = make_place(Role.Name.VIEWER, place.environment)

    assert viewer.client.get(address_of(api)).status_code == 403
    assert viewer.client.post(address_of(api), sent(place, ("A", "/a", ""))).status_code == 403


@pytest.mark.parametrize("port", ["0", "65536", str(2**70)])
def test_a_port_that_is_none_is_told_at_its_row(place: Place, port: str) -> None:
    api = make_saved_api(place)

    answer = place.client.post(address_of(api), sent(place, ("A", "/a", port, "")))

    assert answer.status_code == 422
    assert "is not a port; write a number from 1 to 65535." in unescape(text(answer))


def test_a_pasted_name_of_two_lines_is_refused(place: Place) -> None:
    api = make_saved_api(place)
    pasted = form.CopiesForm(api)
    pasted.pasted = '"Orders\nEU",/eu,8090,'
    pasted.paste()

    page = done(
        place, place.client.post(address_of(api), sent(place, (pasted.rows[0]["name"], "/eu", "", "")))
    )

    assert "The name holds a line break or a control character" in page
    assert ApiInstance.objects.count() == 1
