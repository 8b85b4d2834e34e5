"""The pages of secrets: what is typed is kept and never shown, what is wrong is told at its field."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from apis.certificates import self_signed
from apis.models import TlsContext
from apis.secret_groups.models import Secret, SecretGroup, ending
from console import audit
from console.models import AuditEntry, Role
from tests.apis.secret_groups import stores
from tests.apis.views.pages import Place, make_place, text
from tests.factories import make_keystore, make_secret, make_secret_group

pytestmark = pytest.mark.django_db

ADD = "/apis/secrets/add"
CERTIFICATE, KEY = self_signed(["api.example.com"])


def test_first_secret_makes_the_environments_own_group(place: Place) -> None:
    answer = place.client.post(
        ADD, {"kind": "shared-secret", "name": "db", "username": "ann", "password": "s3cret"}
    )

    secret = Secret.objects.get()
    assert answer.url == f"/apis/secrets/{secret.pk}"  # type: ignore[attr-defined]
    assert (secret.group_id, secret.group.name) == (place.environment.pk, "default")
    assert secret.content == {"username": "ann", "password": "s3cret"}
    page = text(place.client.get(answer.url))  # type: ignore[attr-defined]
    assert "ann" in page
    assert "${secret:default/db}" in page
    assert "s3cret" not in page
    assert "s3cret" not in str([entry.diff for entry in AuditEntry.objects.all()])


def test_store_that_was_uploaded_is_told_in_words(place: Place) -> None:
    group = make_secret_group(place.environment, name="shop")
    file = SimpleUploadedFile("edge.p12", stores.keystore("PKCS12"))
    fields = {
        "kind": "keystore",
        "group": group.pk,
        "name": "edge",
        "store_type": "PKCS12",
        "passphrase": "changeit",
    }

    answer = place.client.post(ADD, fields | {"store": file})

    page = text(place.client.get(answer.url))  # type: ignore[attr-defined]
    assert "edge.example.com" in page
    assert "the private key fits" in page
    assert "BEGIN" not in page


def test_wrong_passphrase_is_told_at_its_field(place: Place) -> None:
    file = SimpleUploadedFile("edge.jks", stores.keystore("JKS"))

    answer = place.client.post(
        ADD, {"kind": "keystore", "name": "edge", "store_type": "JKS", "passphrase": "no", "store": file}
    )

    assert answer.status_code == 422
    assert "The passphrase does not open the store" in text(answer)
    assert not Secret.objects.exists()


def test_renewed_keystore_is_in_force_in_its_contexts(place: Place) -> None:
    keystore = make_keystore(make_secret_group(place.environment), name="edge")
    shown = {"source": "keystore", "keystore": keystore.pk, "min_version": "1.2", "max_version": "1.3"}
    place.client.post("/apis/tls-contexts/add", shown | {"name": "edge", "http2": "on"})
    context = TlsContext.objects.get()
    assert (context.keystore, context.certificate) == (keystore, keystore.content["certificate"])

    place.client.post(
        f"/apis/secrets/{keystore.pk}/edit", {"name": "edge", "certificate": CERTIFICATE, "key": KEY}
    )

    context.refresh_from_db()
    assert (context.certificate, context.key) == (CERTIFICATE, KEY)
    assert "<dt>Secret</dt>\n    <dd>changed</dd>" in text(place.client.get(f"/apis/secrets/{keystore.pk}"))
    page = text(place.client.post(f"/apis/secrets/{keystore.pk}/delete", follow=True))
    assert "is used by TLS context edge" in page


def test_edit_of_the_name_keeps_what_it_holds(place: Place) -> None:
    secret = make_secret(make_secret_group(place.environment), name="db")

    place.client.post(f"/apis/secrets/{secret.pk}/edit", {"name": "orders", "username": "ann"})

    secret.refresh_from_db()
    assert (secret.name, secret.content) == ("orders", {"username": "ann", "password": "s3cret"})


def test_second_of_two_tabs_is_told(place: Place) -> None:
    secret = make_secret(make_secret_group(place.environment), name="db")
    page = text(place.client.get(f"/apis/secrets/{secret.pk}/edit"))
    seen = page.split('name="seen" value="')[1].split('"')[0]
    place.client.post(f"/apis/secrets/{secret.pk}/edit", {"name": "one", "username": "ann"})

    answer = place.client.post(
        f"/apis/secrets/{secret.pk}/edit", {"name": "two", "username": "ann", "seen": seen}
    )

    assert answer.status_code == 409
    assert Secret.objects.get().name == "one"


def test_viewer_sees_names_and_dates_alone() -> None:
    place = make_place(Role.Name.VIEWER)
    keystore = make_keystore(make_secret_group(place.environment), "inside.example.com", name="edge")

    renewed = {"name": "edge", "told": {**keystore.told, "subject": "inside.example.com"}}
    told = {
        "organization": place.environment.organization,
        "environment": place.environment,
        "after": renewed,
    }
    audit.record(None, AuditEntry.Action.UPDATE, keystore, **told)

    for path in ("/apis/secrets", f"/apis/secrets/{keystore.pk}"):
        page = text(place.client.get(path))
        assert "edge" in page
        assert "inside.example.com" not in page
    assert place.client.get(f"/apis/secrets/{keystore.pk}/edit").status_code == 403


def test_group_is_deleted_with_what_nobody_uses(place: Place) -> None:
    secret = make_secret(make_secret_group(place.environment))

    place.client.post(f"/apis/secret-groups/{secret.group_id}/delete")

    assert not SecretGroup.objects.exists()
    assert not Secret.objects.exists()


def test_what_ends_soon_is_found_by_alerts(place: Place) -> None:
    group, now = make_secret_group(place.environment), timezone.now()
    late = make_secret(group, expires_at=now - timezone.timedelta(days=1))
    soon = make_secret(group, expires_at=now + timezone.timedelta(days=7))
    make_secret(group, expires_at=now + timezone.timedelta(days=90))

    assert list(ending([place.environment.pk])) == [late, soon]
    assert list(ending([place.environment.pk], within=timezone.timedelta(days=1))) == [late]
