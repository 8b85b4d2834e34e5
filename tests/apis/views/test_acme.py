"""The pages of certificates from ACME CAs."""

from typing import Any

import pytest
from django.utils import timezone

from apis.certifying import acme
from apis.secret_groups.acme import AcmeSource
from console.models import AuditEntry, Role
from tests.apis.views.pages import Place, make_place, text
from tests.factories import make_secret_group

pytestmark = pytest.mark.django_db
PAGE, ADD, CA = "/apis/acme", "/apis/acme/add", "https://ca.test/directory"


@pytest.fixture(autouse=True)
def _allowed(settings: Any) -> None:
    settings.ACME_DIRECTORIES = (CA,)


def fields(**given: str) -> dict[str, str]:
    return {"name": "edge", "names": "a.example.com", "directory": CA, "email": "", **given}


def test_certificate_is_asked_for_and_given_up(place: Place) -> None:
    place.client.post(ADD, fields(names="A.example.com\nb.example.com", eab_kid="k", eab_key="s3cret"))

    source = AcmeSource.objects.get()
    assert (source.names, source.state) == (["a.example.com", "b.example.com"], "waiting")
    assert source.account["key"]["kty"] == "EC"
    page = text(place.client.get(PAGE))
    assert "a.example.com, b.example.com" in page
    assert "s3cret" not in page
    assert "s3cret" not in str([entry.diff for entry in AuditEntry.objects.all()])
    place.client.post(f"{PAGE}/{source.pk}/delete")
    assert not AcmeSource.objects.exists()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"names": ""}, "Write at least one name"),
        ({"names": "*.example.com"}, "is a wildcard"),
        ({"names": "localhost"}, "is no name that a public CA"),
        ({"names": "10.0.0.1"}, "is no name that a public CA"),
        ({"names": "a b/c"}, "is not a host name"),
        ({"directory": "https://elsewhere.test/"}, "is not one of GATEWRIGHT_ACME_DIRECTORIES"),
        ({"email": "nobody"}, "is not an e-mail address"),
        ({"eab_kid": "k"}, "give both, or none"),
        ({"name": "a b"}, "is no name"),
    ],
)
def test_what_no_ca_could_give_is_refused(place: Place, given: dict[str, str], words: str) -> None:
    answer = place.client.post(ADD, fields(**given))

    assert answer.status_code == 422
    assert words in text(answer)
    assert not AcmeSource.objects.exists()


def test_failed_one_says_why_and_is_tried_again_by_hand(place: Place) -> None:
    later = timezone.now() + timezone.timedelta(hours=6)
    told = {"state": "failed", "trouble": "The CA cannot be reached: Timeout.", "next_try_at": later}
    group = make_secret_group(place.environment)
    source = AcmeSource.objects.create(
        environment=place.environment, group=group, name="edge", directory=CA, names=["a.example.com"], **told
    )
    assert "The CA cannot be reached" in text(place.client.get(PAGE))

    place.client.post(f"{PAGE}/{source.pk}/try")

    source.refresh_from_db()
    assert (source.state, source.next_try_at <= timezone.now()) == ("waiting", True)


def test_viewer_looks_alone() -> None:
    place = make_place(Role.Name.VIEWER)

    assert place.client.get(PAGE).status_code == 200
    assert place.client.post(ADD, fields()).status_code == 403


def test_a_fault_of_ours_in_one_keeps_no_other_waiting(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise TypeError("a CA that answers what nobody thought of")

    monkeypatch.setattr(acme.acme_client, "obtain", fail)
    for name in ("one", "two"):
        place.client.post(ADD, fields(name=name))

    assert acme.work() == 2

    states = AcmeSource.objects.values_list("state", "attempts", "trouble")
    assert set(states) == {("failed", 1, acme.FAULT)}
