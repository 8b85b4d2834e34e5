"""Secret groups over REST: the calls of Anypoint's clients, their bodies, wrappers and refusals."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from apis.certificates import self_signed
from apis.models import TlsContext
from apis.secret_groups.models import Secret, SecretGroup
from console.models import AuditEntry, Environment, Role
from tests.apis.secret_groups import stores
from tests.factories import (
    make_keystore,
    make_role,
    make_secret,
    make_secret_group,
    make_tls_context,
    make_user,
)
from tests.rest import Rest

pytestmark = pytest.mark.django_db

CERTIFICATE, KEY = self_signed(["api.example.com"])


@pytest.fixture
def group(environment: Environment) -> SecretGroup:
    return make_secret_group(environment, name="shop")


def send(rest: Rest, method: str, path: str, **fields: Any) -> Any:
    """As multipart, as clients send files."""
    files = {
        name: SimpleUploadedFile(f"{name}.pem", value) if isinstance(value, bytes) else value
        for name, value in fields.items()
    }
    response = Client(raise_request_exception=False).generic(
        method,
        rest.address(path),
        encode_multipart(BOUNDARY, files),
        content_type=MULTIPART_CONTENT,
        headers=rest.headers,
    )
    response.data = json.loads(response.content) if response.content else None  # type: ignore[attr-defined]
    return response


def test_group_is_made_listed_changed_and_deleted(rest: Rest) -> None:
    made = rest("POST", "SG", {"name": "shop", "downloadable": False})
    one = f"SG/{made.data['id']}"

    assert (made.status_code, made.data["message"]) == (201, "Secret group shop was created.")
    assert rest("PATCH", one, {"downloadable": True}).data["message"] == "Secret group shop was changed."
    (listed,) = rest("GET", "SG").data
    assert (listed["name"], listed["downloadable"], listed["meta"]["id"]) == ("shop", True, made.data["id"])
    assert rest("GET", one).data == listed
    assert rest("DELETE", one).status_code == 204
    assert rest("GET", one).status_code == 404


@pytest.mark.parametrize("name", ["", "a b", "x/y", "ä", "-a", "a" * 121, "${x}"])
def test_name_that_no_policy_could_write_is_refused(rest: Rest, name: str) -> None:
    answer = rest("POST", "SG", {"name": name})

    assert answer.status_code == 400
    assert {"code", "message"} <= answer.data["errors"][0].keys()


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ({"type": "UsernamePassword", "username": "ann", "password": "s3cret!"}, {"username": "ann"}),
        ({"type": "SymmetricKey", "key": "s3cret!"}, {}),
        (
            {"type": "S3Credential", "accessKeyId": "AK1", "secretAccessKey": "s3cret!"},
            {"accessKeyId": "AK1"},
        ),
        ({"type": "Blob", "content": "s3cret!\nand more"}, {}),
    ],
)
def test_shared_secret_is_kept_and_never_given_back(
    rest: Rest, group: SecretGroup, body: dict[str, str], shown: dict[str, str]
) -> None:
    path = f"SG/{group.pk}/sharedSecrets"
    made = rest("POST", path, body | {"name": "database", "expirationDate": "2099-12-31"})
    answers = [made, rest("GET", path), rest("GET", f"{path}/{made.data['id']}")]

    assert [one.status_code for one in answers] == [201, 200, 200]
    told = answers[2].data
    assert answers[1].data == [told]
    assert told["meta"]["id"] == made.data["id"]
    assert told["expirationDate"] == "2099-12-31"
    assert {name: told.get(name) for name in shown} == shown
    assert "s3cret" not in "".join(one.content.decode() for one in answers)
    assert "s3cret" not in str([entry.diff for entry in AuditEntry.objects.all()])
    assert "s3cret!" in str(Secret.objects.get().content)


def test_shared_secret_is_renamed_by_patch_and_replaced_by_put(rest: Rest, group: SecretGroup) -> None:
    secret = make_secret(group, name="database")
    one = f"SG/{group.pk}/sharedSecrets/{secret.pk}"

    assert rest("PATCH", one, {"name": "orders", "expirationDate": "2098-01-01"}).status_code == 200
    told = rest("GET", one).data
    assert (told["name"], told["expirationDate"], told["username"]) == ("orders", "2098-01-01", "ann")
    body = {"type": "UsernamePassword", "name": "orders", "username": "eve", "password": "other"}
    assert rest("PUT", one, body).data["message"] == "Shared secret orders was replaced."
    secret.refresh_from_db()
    assert secret.content == {"username": "eve", "password": "other"}
    assert rest("DELETE", one).status_code == 204


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"type": "Password", "name": "a"}, "is no type of a shared secret"),
        ({"type": "UsernamePassword", "name": "a", "username": "x"}, "Give the password."),
        ({"type": "SymmetricKey", "name": "a", "key": "x", "password": "y"}, "has no password"),
        ({"type": "SymmetricKey", "name": "a", "key": "x\ny"}, "is one line"),
        ({"type": "SymmetricKey", "name": "a", "key": "x", "expirationDate": "2001-01-01"}, "is over"),
        ({"type": "SymmetricKey", "name": "taken", "key": "x"}, "is the name of another shared secret"),
        ({"type": "SymmetricKey", "name": "a", "key": "x", "colour": "red"}, "There is no such field"),
    ],
)
def test_shared_secret_that_could_not_be_used_is_refused(
    rest: Rest, group: SecretGroup, body: dict[str, str], words: str
) -> None:
    make_secret(group, name="taken")

    answer = rest("POST", f"SG/{group.pk}/sharedSecrets", body)

    assert answer.status_code in (400, 409)
    assert words in answer.data["message"]
    assert answer.data["errors"][0]["code"]


def test_keystore_of_pem_files_serves_a_tls_context(rest: Rest, group: SecretGroup) -> None:
    keystores = f"SG/{group.pk}/keystores"
    files = {"certificate": CERTIFICATE.encode(), "key": KEY.encode()}
    made = send(rest, "POST", keystores, type="PEM", name="edge", **files)
    told = rest("GET", f"{keystores}/{made.data['id']}").data
    truststores = f"SG/{group.pk}/truststores"
    trust = send(rest, "POST", truststores, type="PEM", name="ca", trustStore=CERTIFICATE.encode())
    body = {
        "target": "FlexGateway",
        "name": "edge",
        "minTlsVersion": "TLSv1.2",
        "maxTlsVersion": "TLSv1.3",
        "alpnProtocols": ["h2", "http/1.1"],
        "inboundSettings": {"enableClientCertValidation": True},
        "outboundSettings": {"skipServerCertValidation": False},
        "cipherSuites": [],
        "keystore": {"path": f"keystores/{made.data['id']}"},
        "truststore": {"path": f"truststores/{trust.data['id']}"},
    }
    context = rest("POST", f"SG/{group.pk}/tlsContexts", body)

    assert (made.status_code, context.status_code) == (201, 201), context.data
    assert (told["keyFileName"], told["certificateFileName"]) == ("key.pem", "certificate.pem")
    assert told["names"] == ["api.example.com"]
    shown = rest("GET", f"SG/{group.pk}/tlsContexts/{context.data['id']}").data
    assert {name: shown[name] for name in body} == body
    assert [one["name"] for one in rest("GET", f"SG/{group.pk}/tlsContexts?type=FlexGateway").data] == [
        "edge"
    ]
    assert rest("GET", f"SG/{group.pk}/tlsContexts?type=Mule").data == []
    row = TlsContext.objects.get()
    assert (row.certificate, row.key, row.trusted_ca) == (CERTIFICATE, KEY, CERTIFICATE)
    assert rest("DELETE", f"{keystores}/{made.data['id']}").status_code == 409
    assert rest("DELETE", f"SG/{group.pk}/tlsContexts/{context.data['id']}").status_code == 204
    assert rest("DELETE", f"{keystores}/{made.data['id']}").status_code == 204


def test_stores_of_java_and_pkcs12_are_taken(rest: Rest, group: SecretGroup) -> None:
    for kind in ("PKCS12", "JKS", "JCEKS"):
        store, words = stores.keystore(kind), {"storePassphrase": "changeit", "keyPassphrase": "changeit"}
        made = send(
            rest,
            "POST",
            f"SG/{group.pk}/keystores",
            type=kind,
            name=kind,
            keyStore=store,
            alias="edge",
            **words,
        )
        assert made.status_code == 201, made.data
        told = rest("GET", f"SG/{group.pk}/keystores/{made.data['id']}").data
        assert (told["type"], told["alias"], told["keystoreFileName"]) == (kind, "edge", "keyStore.pem")
        assert told["subject"] == "edge.example.com"


def test_renewed_keystore_is_what_its_tls_contexts_serve_with(rest: Rest, group: SecretGroup) -> None:
    keystore = make_keystore(group, name="edge")
    held = keystore.content
    context = make_tls_context(
        group.environment, group=group, keystore=keystore, certificate=held["certificate"]
    )
    files = {"certificate": CERTIFICATE.encode(), "key": KEY.encode()}

    answer = send(rest, "PUT", f"SG/{group.pk}/keystores/{keystore.pk}", type="PEM", name="edge", **files)

    assert answer.status_code == 200, answer.data
    context.refresh_from_db()
    assert (context.certificate, context.key) == (CERTIFICATE, KEY)


def test_viewer_sees_names_and_dates_alone(group: SecretGroup) -> None:
    viewer = make_user()
    make_role(viewer, group.environment.organization, Role.Name.VIEWER)
    make_keystore(group, "inside.example.com", name="edge")
    rest = Rest(viewer, group.environment)

    (told,) = rest("GET", f"SG/{group.pk}/keystores").data

    assert told.keys() == {"meta", "name", "type", "expirationDate"}
    assert rest("POST", f"SG/{group.pk}/keystores", {}).status_code == 403


def test_contexts_of_before_are_in_the_environments_own_group(rest: Rest, environment: Environment) -> None:
    scope = f"organizations/{environment.organization_id}/environments/{environment.pk}"
    body = {"name": "edge", "certificate": CERTIFICATE, "key": KEY}

    made = rest("POST", f"/apimanager/api/v1/{scope}/tls-contexts", body)

    assert made.data["secretGroupId"] == str(environment.pk)
    assert [one["name"] for one in rest("GET", f"SG/{environment.pk}/tlsContexts").data] == ["edge"]


def test_mule_contexts_are_refused_in_words(rest: Rest, group: SecretGroup) -> None:
    answer = rest("POST", f"SG/{group.pk}/tlsContexts", {"target": "Mule", "name": "a", "insecure": False})

    assert answer.status_code == 400
    assert "write FlexGateway" in answer.data["errors"][0]["message"]
