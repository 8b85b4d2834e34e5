"""Policies mention shared secrets by name: what they stand for goes to gateways, and follows a change."""

from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from apis.changes import secrets as change
from apis.changes.automated import add
from apis.changes.automated_check import Applies
from apis.changes.policies import apply_policy, edit_policy
from apis.changes.secrets import shared_material
from apis.deployment import snapshot
from apis.deployment.pending import pending_of
from apis.lint.findings import findings
from apis.lint.subject import subject
from apis.models import ApiInstance
from apis.revisions import export
from apis.secret_groups.models import Secret
from apis.testing import whole
from console.models import AuditEntry, User
from tests.apis.views.pages import Place, make_place, make_saved_api, text
from tests.factories import make_environment, make_secret, make_secret_group

pytestmark = pytest.mark.django_db

BASIC = {"username": "ann", "password": "${secret:shop/database}"}


@pytest.fixture
def place() -> Place:
    return make_place()


@pytest.fixture
def secret(place: Place) -> Secret:
    return make_secret(make_secret_group(place.environment, name="shop"), name="database")


@pytest.fixture
def api(place: Place, secret: Secret) -> ApiInstance:
    found = make_saved_api(place, deploy=True)
    apply_policy(place.user, found, "http-basic-authentication", BASIC)
    return found


def renew(actor: User, secret: Secret, password: str) -> None:
    secret = Secret.objects.select_related("group__environment").get(pk=secret.pk)
    material = shared_material("UsernamePassword", {"username": "ann", "password": password})
    change.edit_secret(actor, secret, material=material)


def configs(api: ApiInstance) -> list[dict[str, Any]]:
    """As its gateway gets them."""
    resources = orjson.loads(snapshot.build(api.gateway).body)["resources"]  # type: ignore[arg-type]
    return [one["spec"]["config"] for one in resources if one["kind"] == "PolicyBinding"]


def test_gateway_gets_what_the_secret_holds_and_no_revision_does(place: Place, api: ApiInstance) -> None:
    api.refresh_from_db()

    assert {"username": "ann", "password": "s3cret"} in configs(api)
    assert api.revision is not None
    assert "s3cret" not in api.revision.documents
    assert api.revision.refers_to == ["shop/database"]
    assert api.policies.get().config == BASIC
    assert api.policies.get().secrets == {}
    assert "s3cret" not in str([entry.diff for entry in AuditEntry.objects.all()])


def test_changed_secret_is_in_force_and_nothing_is_pending(
    place: Place, api: ApiInstance, secret: Secret
) -> None:
    api.refresh_from_db()
    before, revision = api.gateway.generation, api.revision_id  # type: ignore[union-attr]
    configs(api)

    renew(place.user, secret, "renewed")

    api.refresh_from_db()
    api.gateway.refresh_from_db()  # type: ignore[union-attr]
    assert api.gateway.generation > before  # type: ignore[union-attr]
    assert {"username": "ann", "password": "renewed"} in configs(api)
    assert api.revision_id == revision
    assert not pending_of([api])


def test_automated_policy_mentions_secrets_too(place: Place, secret: Secret) -> None:
    api = make_saved_api(place, deploy=True)
    add(place.user, place.environment, "http-basic-authentication", BASIC, Applies())
    assert {"username": "ann", "password": "s3cret"} in configs(api)

    renew(place.user, secret, "renewed")

    assert {"username": "ann", "password": "renewed"} in configs(api)
    with pytest.raises(ValidationError, match="automated policy"):
        change.delete_secret(place.user, Secret.objects.get())


@pytest.mark.parametrize(
    ("config", "field", "words"),
    [
        ({**BASIC, "password": "${secret:shop/other}"}, "config.password", "has no shared secret"),
        ({**BASIC, "password": "${secret:database}"}, "config.password", "has no shared secret"),
        ({**BASIC, "password": "${secret:shop/database#key}"}, "config.password", "has no shared secret"),
        ({**BASIC, "password": "${secret:shop database}"}, "config.password", "is no mention of a secret"),
        ({**BASIC, "username": "${secret:shop/database#password}"}, "config.username", "shown to everybody"),
    ],
)
def test_mention_that_stands_for_nothing_is_refused(
    place: Place, secret: Secret, config: dict[str, str], field: str, words: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        apply_policy(place.user, make_saved_api(place), "http-basic-authentication", config)

    assert words in refused.value.message_dict[field][0]


def test_username_of_a_secret_may_be_mentioned_where_all_see_it(place: Place, secret: Secret) -> None:
    api = make_saved_api(place, deploy=True)

    apply_policy(
        place.user,
        api,
        "http-basic-authentication",
        {**BASIC, "username": "${secret:shop/database#username}"},
    )

    assert {"username": "ann", "password": "s3cret"} in configs(api)


def test_secret_of_another_environment_is_not_found(place: Place) -> None:
    make_secret(
        make_secret_group(make_environment(place.environment.organization), name="shop"), name="database"
    )

    with pytest.raises(ValidationError, match="has no shared secret"):
        apply_policy(place.user, make_saved_api(place), "http-basic-authentication", BASIC)


def test_what_is_mentioned_is_neither_deleted_nor_renamed(
    place: Place, api: ApiInstance, secret: Secret
) -> None:
    for refused in (
        lambda: change.delete_secret(place.user, secret),
        lambda: change.edit_secret(place.user, secret, name="other"),
    ):
        with pytest.raises(ValidationError, match=r"\borders\b|Orders"):
            refused()

    page = text(place.client.get(f"/apis/secrets/{secret.pk}"))
    assert "by Basic Authentication" in page
    assert ">1<" in text(place.client.get("/apis/secrets")).replace(" ", "")


def test_what_is_deployed_counts_where_what_is_saved_does_not(
    place: Place, api: ApiInstance, secret: Secret
) -> None:
    edit_policy(place.user, api.policies.get(), {"username": "ann", "password": "typed"}, deploy=False)

    with pytest.raises(ValidationError, match="is used by"):
        change.delete_secret(place.user, secret)
    assert {"username": "ann", "password": "s3cret"} in configs(api)


def test_value_with_which_a_policy_could_not_run_is_refused(place: Place) -> None:
    secret = make_secret(make_secret_group(place.environment, name="shop"), name="database")
    api = make_saved_api(place, deploy=True)
    config = {"signingMethod": "hmac", "jwtKeyOrigin": "text", "textKey": "${secret:shop/database}"}
    secret.content = {"username": "ann", "password": "k" * 32}
    secret.save()
    apply_policy(place.user, api, "jwt-validation", _valid_jwt(config))

    with pytest.raises(ValidationError, match="JWT Validation of"):
        renew(place.user, secret, "short")


def _valid_jwt(config: dict[str, Any]) -> dict[str, Any]:
    return {"signingKeyLength": 256, "skipClientIdValidation": True, **config}


def test_rehearsal_linter_and_export_know_mentions(place: Place, api: ApiInstance) -> None:
    api.refresh_from_db()
    assert any(
        one["spec"].get("config") == {"username": "ann", "password": "s3cret"} for one in whole.documents(api)
    )
    (applied,) = subject(api).inbound
    assert applied.config is not None
    written = export.yaml_of(api.revision)  # type: ignore[arg-type]
    assert "${secret:shop/database}" in written
    assert "kind: Secret" in written
    assert "$SHOP_DATABASE_PASSWORD" in written
    assert "s3cret" not in written


def test_form_offers_secrets_and_shows_the_chosen_one(place: Place, api: ApiInstance) -> None:
    binding = api.policies.get()
    address = f"/apis/{api.pk}/policies/{binding.pk}"
    page = text(place.client.get(address))
    assert '<option value="${secret:shop/database}" selected>' in page

    place.client.post(
        address,
        {"config.username": "eve", "config.password": "", "config.password.mention": BASIC["password"]},
    )

    binding.refresh_from_db()
    assert binding.config == {"username": "eve", "password": BASIC["password"]}
    place.client.post(
        address,
        {"config.username": "eve", "config.password": "typed", "config.password.mention": BASIC["password"]},
    )
    binding.refresh_from_db()
    assert (binding.config, binding.secrets) == ({"username": "eve"}, {"password": "typed"})


@pytest.mark.parametrize(("days", "code"), [(7, "secret-ends-soon"), (-1, "secret-expired"), (90, "")])
def test_linter_tells_of_a_secret_that_is_to_be_renewed(
    place: Place, api: ApiInstance, secret: Secret, days: int, code: str
) -> None:
    Secret.objects.update(expires_at=timezone.now() + timedelta(days=days))

    found = [one for one in findings(api).told if one.code.startswith("secret-")]

    assert [one.code for one in found] == ([code] if code else [])
    assert all("Shared secret shop/database" in one.message for one in found)
