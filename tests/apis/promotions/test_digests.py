"""Digests by which environments are compared: kept, and never those of before a change."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, models, transaction

from apis.contracts.models import Tier
from apis.contracts.terms import Terms
from apis.models import ApiInstance, PolicyBinding, Route, RouteUpstream, TlsContext, Upstream
from apis.promotions import digests
from apis.promotions.compare import ComparedPair, compared
from apis.promotions.models import Compared
from tests.apis.changes.test_copies import make_whole
from tests.apis.promotions.test_promoting import production, promoted
from tests.apis.views.pages import make_place
from tests.factories import make_tier, make_tls_context

pytestmark = pytest.mark.django_db
OF_API: tuple[type[Any], ...] = (Upstream, Route, PolicyBinding, Tier)
PARTS: tuple[type[Any], ...] = (*OF_API, RouteUpstream)
SAID_NOWHERE = {
    *("Upstream.created_at", "PolicyBinding.created_at", "PolicyBinding.updated_at", "Tier.created_at"),
    *("Tier.updated_at", "PolicyBinding.policy_version", "PolicyBinding.secrets"),
    *("ApiInstance.gateway", "ApiInstance.protocol", "ApiInstance.port", "ApiInstance.base_path"),
    *("ApiInstance.tls_context", "ApiInstance.consumer_endpoint", "ApiInstance.is_deployed"),
    *("ApiInstance.is_deprecated", "ApiInstance.extra", "ApiInstance.label"),
}
"""What is not compared: it is another one's everywhere, or nothing that one promotes."""
ALONE = {"Route.position", "PolicyBinding.order"}
"""Compared as an order, which stays the same here."""


LOOKUPS: dict[type[Any], str] = {RouteUpstream: "route__api", ApiInstance: "pk"}
MOVED: dict[type[Any], dict[str, Any]] = {Route: {"position": 90}, Tier: {"name": "moved"}}


@pytest.fixture
def both() -> tuple[ApiInstance, ApiInstance, Callable[[], ComparedPair]]:
    """An API, what it became elsewhere, with a tier and a TLS context, and how they compare."""
    place = make_place()
    make_tls_context(place.environment, name="trust")
    api, environment = make_whole(place), production(place)
    make_tier(api, name="Gold")
    made = promoted(place, api, environment)
    return api, made, lambda: compared(place.environment, environment)[0]


def kept(api: ApiInstance) -> bool:
    row = Compared.objects.get(api=api)
    return row.told_at == row.changes


def anew(look: Callable[[], ComparedPair]) -> ComparedPair:
    """With nothing kept."""
    with transaction.atomic():
        Compared.objects.update(told_at=None)
        found = look()
        transaction.set_rollback(True)
    return found


def columns() -> Iterator[tuple[type[Any], Any]]:
    for model in (*PARTS, ApiInstance):
        for field in model._meta.concrete_fields:
            is_ours = model is not ApiInstance or field.name in API
            if not field.primary_key and field.name not in ("api", "route", "upstream") and is_ours:
                yield model, field


API = {name.partition(".")[2] for name in SAID_NOWHERE if name.startswith("ApiInstance.")} | {
    *("description", "tags", "response_timeout_ms"),
}


def other(field: Any, value: Any) -> Any:
    """Another value than this one."""
    if field.is_relation:
        return TlsContext.objects.get(name="trust") if value is None else None
    if field.choices:
        return next(one for one, _ in field.choices if one != value)
    if isinstance(field, models.JSONField):
        return [*value, {"a": 1}] if isinstance(value, list) else value | {"a": 1}
    if isinstance(field, models.BooleanField):
        return not value
    if isinstance(field, models.DateTimeField):
        return "2001-01-01T00:00Z"
    if isinstance(field, models.IntegerField):
        return (value or 0) + 7
    if field.get_internal_type() == "ArrayField":
        return [*value, uuid.uuid4() if isinstance(field.base_field, models.UUIDField) else "z"]
    return {"another": "1"} if isinstance(value, dict) else f"{value}x"


def test_whatever_changes_the_digests_are_those_of_today(both) -> None:
    api, made, look = both
    assert look().state == "same"
    assert kept(api) and kept(made)
    tried = set()

    for model, field in columns():
        name = f"{model.__name__}.{field.name}"
        rows = model.objects.filter(**{LOOKUPS.get(model, "api"): made.pk})
        row = rows.get(label="two") if model is Upstream else rows.last()
        with transaction.atomic():
            model.objects.filter(pk=row.pk).update(**{field.name: other(field, getattr(row, field.name))})
            assert model is ApiInstance or not kept(made), name
            found = look()
            assert found == anew(look), name
            assert kept(made), name
            assert (found.state == "different") == (name not in SAID_NOWHERE | ALONE), name
            transaction.set_rollback(True)
        tried.add(name)
    assert tried >= SAID_NOWHERE | ALONE


@pytest.mark.parametrize("model", PARTS)
def test_what_comes_goes_or_moves_to_another_api_changes_digests(model: type[Any], both) -> None:
    api, made, look = both
    look()
    row = model.objects.filter(**{LOOKUPS.get(model, "api"): made.pk}).order_by("pk").first()
    assert row is not None

    def changes(what: Callable[[], Any], *whose: ApiInstance) -> None:
        with transaction.atomic():
            what()
            assert [kept(one) for one in whose] == [False] * len(whose)
            assert look() == anew(look)
            transaction.set_rollback(True)

    changes(model.objects.filter(pk=row.pk).delete, made)
    copy = model.objects.get(pk=row.pk)
    copy.pk = uuid.uuid4() if model is Upstream else None
    set_free(copy)
    changes(lambda: copy.save(force_insert=True), made)
    there: dict[str, Any] = {"api": api} | MOVED.get(model, {})
    if model is RouteUpstream:
        there = {"route": api.routes.earliest("position"), "upstream": api.upstreams.get(label="one")}
    changes(lambda: model.objects.filter(pk=row.pk).update(**there), api, made)


def set_free(copy: Any) -> None:
    """What is there once."""
    if isinstance(copy, Route):
        copy.position = 91
    elif isinstance(copy, Tier):
        copy.name = "copied"


def test_names_of_hosts_upstreams_and_tls_contexts_are_compared_as_they_are_called_now(both) -> None:
    api, made, look = both
    for one in (api, made):
        context = make_tls_context(one.environment, name="upstreams")
        one.upstreams.filter(label="two").update(tls_context=context)
    assert look().state == "same"

    TlsContext.objects.filter(environment=made.environment, name="upstreams").update(name="renamed")
    renamed = look()
    TlsContext.objects.filter(environment=api.environment, name="upstreams").update(name="renamed")

    assert renamed.differs == ("routes", "policies")
    assert look().state == "same"


def test_an_api_has_its_digests_row_from_first_to_last(both) -> None:
    api, _, look = both
    look()
    pk = api.pk
    api.delete()

    assert not Compared.objects.filter(api=pk).exists()


def test_digests_that_another_release_made_are_made_anew(both) -> None:
    _, made, look = both
    look()
    Compared.objects.filter(api=made).update(form="another", routes=1)

    assert look().state == "same"
    assert Compared.objects.get(api=made).form == digests.form()


def test_what_was_read_before_a_change_is_not_kept(both) -> None:
    _, made, look = both
    before = digests.read([made.pk])
    made.policies.update(label="another")
    digests.keep(before)

    assert not kept(made)
    assert look().differs == ("policies",)


def test_terms_are_those_written_last(both) -> None:
    _, made, look = both
    look()

    for version, text, differs in ((1, "Pay in time.", ("terms",)), (2, "", ()), (3, "Pay now.", ("terms",))):
        row = Terms.objects.create(api=made, version=version, text=text)
        assert not kept(made)
        assert look().differs == differs
        assert kept(made)
    Terms.objects.filter(pk=row.pk).update(text="")
    assert look().differs == ()
    row.delete()
    assert look().state == "same" and kept(made)


@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_not_committed_is_waited_for_by_nobody_and_seen_once_it_is(both) -> None:
    _, made, look = both
    tier = made.tiers.get()
    changing = connection.copy()
    try:
        changing.set_autocommit(False)
        with changing.cursor() as cursor:
            cursor.execute("UPDATE contracts_tier SET name = 'Silver' WHERE id = %s", [tier.pk])
        meanwhile = look()
        is_kept = kept(made)
        changing.commit()
    finally:
        changing.close()

    assert meanwhile.state == "same" and not is_kept
    assert look().differs == ("tiers",)
