"""The private CA of an environment: issues with short lives, renews by itself, is replaced without a gap."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from django.core.exceptions import ValidationError
from django.utils import timezone

from apis.changes import authorities as change
from apis.changes.tls_contexts import DesiredTlsContext, create_tls_context
from apis.models import TlsContext
from apis.secret_groups.authority import Authority, Issued
from apis.secret_groups.models import Secret, SecretGroup
from console.models import AuditEntry, Role
from tests.apis.views.pages import Place, make_place, text
from tests.factories import make_secret_group

pytestmark = pytest.mark.django_db
PAGE, ISSUE = "/apis/private-ca", "/apis/private-ca/issue"


@pytest.fixture
def place() -> Place:
    return make_place()


@pytest.fixture
def group(place: Place) -> SecretGroup:
    change.begin(place.user, place.environment)
    return make_secret_group(place.environment, name="shop")


def read(pem: str) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(pem.encode())


def truststore() -> Secret:
    return Secret.objects.get(kind="truststore", name="private-ca")


def signed(certificate: str, by: str) -> bool:
    for one in read(by):
        try:
            read(certificate)[0].verify_directly_issued_by(one)
        except Exception:
            continue
        return True
    return False


def test_keystore_is_issued_for_clients_and_servers_with_a_short_life(
    place: Place, group: SecretGroup
) -> None:
    made = change.issue_keystore(
        place.user, group, "edge", "gateway-eu", ["edge.example.com", "10.0.0.1"], days=7
    )

    certificate = read(made.content["certificate"])[0]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert {*usage} == {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH}
    assert made.told["names"] == ["edge.example.com", "10.0.0.1"]
    assert made.expires_at is not None
    assert timedelta(days=6) < made.expires_at - timezone.now() <= timedelta(days=7)
    assert signed(made.content["certificate"], truststore().content["trusted_ca"])


def test_due_keystores_are_renewed_and_their_contexts_follow(place: Place, group: SecretGroup) -> None:
    made = change.issue_keystore(place.user, group, "edge", "gateway", [], days=30)
    context = create_tls_context(place.user, place.environment, DesiredTlsContext("edge", keystore=made))
    assert change.renew_due() == 0
    Issued.objects.update(expires_at=timezone.now() + timedelta(days=9))

    assert change.renew_due() == 1

    context.refresh_from_db()
    made.refresh_from_db()
    assert context.certificate == made.content["certificate"]
    assert Issued.objects.get().expires_at > timezone.now() + timedelta(days=29)
    assert AuditEntry.objects.filter(object_type="secret", actor=None, action="update").exists()


def test_replacing_it_leaves_no_gap(place: Place, group: SecretGroup) -> None:
    made = change.issue_keystore(place.user, group, "edge", "gateway", [], days=30)
    trusting = create_tls_context(
        place.user, place.environment, DesiredTlsContext("up", truststore=truststore())
    )
    old = truststore().content["trusted_ca"]

    change.prepare(place.user, place.environment)
    both = TlsContext.objects.get(pk=trusting.pk).trusted_ca
    assert len(read(both)) == 2
    made.refresh_from_db()
    assert signed(made.content["certificate"], old)

    change.switch(place.user, place.environment)
    made.refresh_from_db()
    assert not signed(made.content["certificate"], old)
    assert signed(made.content["certificate"], TlsContext.objects.get(pk=trusting.pk).trusted_ca)

    change.end(place.user, place.environment)
    now = TlsContext.objects.get(pk=trusting.pk).trusted_ca
    assert len(read(now)) == 1
    assert signed(made.content["certificate"], now)
    ended = Authority.objects.get(state="ended")
    assert ended.key == ""


def test_steps_out_of_turn_are_refused(place: Place, group: SecretGroup) -> None:
    for step in (change.switch, change.end, change.begin):
        with pytest.raises(ValidationError):
            step(place.user, place.environment)
    change.prepare(place.user, place.environment)
    with pytest.raises(ValidationError, match="prepared already"):
        change.prepare(place.user, place.environment)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"common": ""}, "Say whom it is for"),
        ({"names": ["not/a/host"]}, "neither a host name"),
        ({"days": 91}, "1 to 90 days"),
        ({"days": 0}, "1 to 90 days"),
        ({"names": ["a.example"] * 51}, "at most 50"),
    ],
)
def test_what_cannot_be_issued_says_why(
    place: Place, group: SecretGroup, fields: dict[str, object], words: str
) -> None:
    given = {"common": "gateway", "names": [], "days": 30, **fields}

    with pytest.raises(ValidationError, match=words):
        change.issue_keystore(place.user, group, "edge", given.pop("common"), given.pop("names"), **given)  # type: ignore[arg-type]


def test_page_makes_it_and_issues_once(place: Place) -> None:
    assert "No private CA yet" in text(place.client.get(PAGE))
    place.client.post(f"{PAGE}/begin")

    answer = place.client.post(
        ISSUE, {"purpose": "download", "common": "orders", "names": "orders.internal", "days": "10"}
    )

    pem = answer.content.decode()
    assert answer["Content-Disposition"] == 'attachment; filename="orders.pem"'
    assert "PRIVATE KEY" in pem
    key_line = pem.splitlines()[-2]
    assert signed(pem, place.client.get(f"{PAGE}/certificate").content.decode())
    assert "orders.internal" in text(place.client.get(PAGE))
    assert key_line not in str([entry.diff for entry in AuditEntry.objects.all()])
    assert Issued.objects.get().keystore is None


def test_page_makes_a_keystore(place: Place) -> None:
    place.client.post(f"{PAGE}/begin")

    place.client.post(
        ISSUE, {"purpose": "keystore", "name": "edge", "common": "gateway", "names": "", "days": "30"}
    )

    assert Secret.objects.get(kind="keystore").group_id == place.environment.pk
    assert "renewed by itself" in text(place.client.get(PAGE))


def test_viewer_may_look_and_download_the_certificate_alone(place: Place, group: SecretGroup) -> None:
    viewer = make_place(Role.Name.VIEWER)
    change.begin(viewer.user, viewer.environment)

    assert viewer.client.get(f"{PAGE}/certificate").status_code == 200
    for path in ("begin", "replace", "issue"):
        assert viewer.client.post(f"{PAGE}/{path}", {"step": "prepare"}).status_code == 403


def test_an_authority_that_has_ended_keeps_no_other_waiting(place: Place, group: SecretGroup) -> None:
    change.issue_keystore(place.user, group, "edge", "gateway", [], days=30)
    other = make_place()
    change.begin(other.user, other.environment)
    change.issue_keystore(other.user, make_secret_group(other.environment), "edge", "gateway", [], days=30)
    ended = group.environment.authorities.get()
    Authority.objects.filter(pk=ended.pk).update(expires_at=timezone.now() - timedelta(days=1))
    Issued.objects.update(expires_at=timezone.now() + timedelta(days=1))

    assert change.renew_due() == 1
    with pytest.raises(ValidationError, match="has ended"):
        change.issue_once(place.user, place.environment, "x", [], 1)

    assert "has ended" in Issued.objects.get(authority=ended).trouble
