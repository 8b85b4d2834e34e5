"""Terms: written for an environment and for an API, agreed to by requests, kept with contracts."""

from dataclasses import replace

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from apis.changes import contracts, copies, instances, removal, terms
from apis.contracts.models import Contract
from apis.contracts.terms import Terms
from apis.models import ApiInstance
from apis.portable.exporting import yaml_of
from apis.promotions import promoting
from apis.promotions.choices import counterparts, proposed, wanted
from apis.promotions.models import Promotion
from apis.rules.copies import as_it_is
from console.models import AuditEntry, Role
from console.roles.models import CustomRole
from console.versions import Changed
from tests.apis.views.pages import Place, make_place, make_saved_api, text
from tests.factories import make_application, make_environment, make_organization, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Place:
    return make_place()


@pytest.fixture
def api(place: Place) -> ApiInstance:
    return make_saved_api(place, deploy=True)


def test_a_request_agrees_to_the_newest_text_and_contracts_stay_on_theirs(
    place: Place, api: ApiInstance
) -> None:
    first, second = (make_application(place.environment.organization, owners=[place.user]) for _ in range(2))
    place.client.post("/apis/terms", {"text": "Be kind.", "seen": "0"})
    path = f"/consumer/{first.pk}/request?api={api.pk}"
    page = text(place.client.get(path))
    old = Terms.objects.get()
    place.client.post(f"/apis/{api.pk}/terms", {"text": "Be kind & <b>quick</b>.", "seen": "0"})

    late = place.client.post(path, {"accepted_terms": "on", "read_terms": old.pk})
    unread = place.client.post(path, {"accepted_terms": "on"})
    own = Terms.objects.get(api=api)
    made = place.client.post(path, {"accepted_terms": "on", "read_terms": own.pk})
    place.client.post(f"/apis/{api.pk}/terms", {"text": "", "seen": "1"})
    place.client.post(
        f"/consumer/{second.pk}/request?api={api.pk}", {"accepted_terms": "on", "read_terms": old.pk}
    )

    assert "Be kind." in page and f'value="{old.pk}"' in page
    assert (late.status_code, unread.status_code, made.status_code) == (422, 422, 302)
    assert "terms were changed meanwhile" in text(late) and "&lt;b&gt;quick" in text(late)
    one, other = (Contract.objects.get(application=row) for row in (first, second))
    assert (one.terms, other.terms) == (own, old) and one.accepted_at
    for address in (f"/consumer/contracts/{one.pk}", f"/apis/{api.pk}/contracts/{one.pk}"):
        shown = text(place.client.get(address))
        assert "Version 1 of the API" in shown and "&lt;b&gt;quick" in shown and "<b>quick" not in shown


def test_what_is_written_is_bounded_and_two_do_not_overwrite_each_other(
    place: Place, api: ApiInstance
) -> None:
    terms.of_environment(place.user, place.environment, " One\r\ntwo ", seen="0")
    terms.of_environment(place.user, place.environment, "One\ntwo", seen="1")

    assert Terms.objects.get().text == "One\ntwo"
    with pytest.raises(Changed):
        terms.of_environment(place.user, place.environment, "Three", seen="0")
    for bad in ("x" * 10_001, "a\x00b", "a\u202eb"):
        with pytest.raises(ValidationError):
            terms.of_api(place.user, api, bad)
    assert place.client.post("/apis/terms", {"text": "Three", "seen": "0"}).status_code == 422
    entry = AuditEntry.objects.filter(object_type="environment", diff__has_key="terms").get()
    assert entry.diff["terms"] == ["", "version 1: One\ntwo"]


def test_by_rest_the_text_must_be_accepted(place: Place, api: ApiInstance) -> None:
    rest, application = Rest(place.user, place.environment), make_application(place.environment.organization)
    body = {"applicationId": application.pk}
    none = rest("GET", "AMX/terms")
    wrote = rest("PUT", f"AM/{api.pk}/terms", {"text": "Be kind."})

    refused = rest("POST", f"AM/{api.pk}/contracts", body)
    made = rest("POST", f"AM/{api.pk}/contracts", body | {"acceptedTerms": True})

    assert none.data == {"version": 0, "text": "", "createdDate": None}
    assert (wrote.data["version"], wrote.data["text"]) == (1, "Be kind.")
    assert refused.status_code == 400 and "acceptedTerms" in str(refused.data)
    assert (made.data["terms"], made.data["termsVersion"]) == ("Be kind.", 1)
    assert made.data["acceptedTermsDate"]
    assert rest("PUT", "AMX/terms", {"text": "x", "more": 1}).status_code == 400


def test_who_only_looks_writes_none_and_strangers_find_none(place: Place, api: ApiInstance) -> None:
    viewer, stranger = make_user(), make_user()
    make_role(viewer, place.environment.organization, "viewer")
    make_role(stranger, make_organization(), "administrator")
    terms.of_api(place.user, api, "Be kind.")
    codes = []
    for user in (viewer, stranger):
        client = Client()
        client.force_login(user)
        for path in (f"/apis/{api.pk}/terms", "/apis/terms"):
            codes.append((client.get(path).status_code, client.post(path, {"text": "x"}).status_code))

    assert codes == [(200, 403), (200, 403), (404, 404), (404, 404)]
    assert Terms.objects.count() == 1


def test_they_come_back_with_the_api_and_its_contracts(place: Place, api: ApiInstance) -> None:
    terms.of_api(place.user, api, "Be kind.")
    application = make_application(place.environment.organization)
    made = contracts.request(place.user, application, api, accepted_terms=True)

    removed = instances.delete_api(place.user, api)
    gone = Terms.objects.exists()
    removal.restore_api(place.user, removed)

    assert not gone
    back = Contract.objects.get(pk=made.pk)
    assert back.terms and back.terms.text == "Be kind." and back.accepted_at == made.accepted_at


def test_a_copy_has_the_terms_of_its_origin_and_asks_for_agreement_anew(
    place: Place, api: ApiInstance
) -> None:
    for words in ("Be kind.", "Be kind and quick."):
        terms.of_api(place.user, api, words)
    made = copies.copy_api(
        place.user, api, replace(as_it_is(api, place.environment), base_path="/copy", label="copy")
    )
    terms.of_api(place.user, api, "")
    without = copies.copy_api(
        place.user, api, replace(as_it_is(api, place.environment), base_path="/third", label="third")
    )
    shop = make_application(place.environment.organization, owners=[place.user])

    [own] = Terms.objects.filter(api=made)
    assert (own.version, own.text, own.created_by) == (1, "Be kind and quick.", place.user)
    assert not Terms.objects.filter(api=without).exists()
    with pytest.raises(ValidationError, match="terms"):
        contracts.request(place.user, shop, made)
    contract = contracts.request(place.user, shop, made, accepted_terms=True, read_terms=own)
    assert contract.terms == own


def test_a_promotion_brings_terms_along_takes_none_away_and_is_taken_back(
    place: Place, api: ApiInstance
) -> None:
    target = make_environment(place.environment.organization, name="Production")
    terms.of_api(place.user, api, "Be kind.")

    def promoted() -> ApiInstance:
        there = next(iter(counterparts(api, target)), None)
        return promoting.promote(place.user, api, proposed(place.user, api, target, there)).api

    def versions() -> list[tuple[int, str]]:
        return list(Terms.objects.filter(api=made).order_by("version").values_list("version", "text"))

    made = promoted()
    assert versions() == [(1, "Be kind.")]
    promoted()
    assert versions() == [(1, "Be kind.")], "the same text is no version"
    terms.of_api(place.user, api, "Be quick.")
    shown = promoting.preview(
        place.user, wanted(place.user, api, proposed(place.user, api, target, made)), made
    )
    assert [(one.before, one.after) for one in shown.beside] == [("Be kind.", "Be quick.")]
    promoted()
    assert versions() == [(1, "Be kind."), (2, "Be quick.")]
    promoting.take_back(place.user, Promotion.objects.filter(api=made).latest("pk"))
    assert versions()[-1] == (3, "Be kind.")
    terms.of_api(place.user, api, "")
    promoted()
    assert versions()[-1] == (3, "Be kind.")
    assert "terms: Be kind." in yaml_of([made]) and "terms" not in yaml_of([api])


def test_terms_stay_with_who_manages_no_contracts_there_and_can_be_left_out(
    place: Place, api: ApiInstance
) -> None:
    target = make_environment(place.environment.organization, name="Production")
    terms.of_api(place.user, api, "Be kind.")
    maker, organization = make_user(), place.environment.organization
    may = ["manage:apis", "manage:policies"]
    custom = CustomRole.objects.create(organization=organization, name="Maker", permissions=may)
    make_role(maker, organization, Role.CUSTOM, custom=custom)
    promote = {"originApiId": api.pk}

    made = promoting.promote(maker, api, replace(proposed(maker, api, target, None), label="a"))
    left = Rest(place.user, target)(
        "POST", "AM", {"instanceLabel": "b", "promote": promote | {"terms": {"allEntities": False}}}
    )
    taken = Rest(place.user, target)("POST", "AM", {"instanceLabel": "c", "promote": promote})

    assert made.notes == ("Terms did not come along: you may not manage them in Production.",)
    assert (left.status_code, taken.status_code) == (201, 201), (left.data, taken.data)
    assert [one.api_id for one in Terms.objects.exclude(api=api)] == [taken.data["id"]]
