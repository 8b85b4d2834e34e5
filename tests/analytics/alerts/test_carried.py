"""Alerts come along with their API: in its file, and by promotion."""

import pytest
from django.core.exceptions import ValidationError

from analytics.alerts import carried, change
from analytics.alerts.models import Alert
from analytics.alerts.wanted import WantedAlert
from apis.models import ApiInstance
from apis.portable.exporting import yaml_of
from apis.portable.making import make
from apis.portable.read import read
from apis.portable.wanted import WantedApi
from apis.promotions import promoting
from apis.promotions.choices import proposed
from console.models import Role
from console.notices.models import Destination
from console.roles.models import CustomRole
from tests.apis.views.pages import Place, make_place, make_saved_api
from tests.factories import make_environment, make_role, make_user

pytestmark = pytest.mark.django_db


def watched(place: Place) -> ApiInstance:
    api = make_saved_api(place)
    organization = place.environment.organization
    target = Destination.objects.create(name="On call", organization=organization, url="https://a.test/")
    change.add(
        place.user,
        place.environment,
        WantedAlert(
            name="Too many errors",
            type=Alert.Type.CODES,
            about=Alert.About.API,
            api=api.pk,
            threshold=5,
            codes=(500, 503),
            users=(place.user.pk,),
            addresses=("ops@example.com",),
            destinations=(target.pk,),
            severity="critical",
        ),
    )
    return api


def test_they_are_in_the_file_and_the_same_after_an_import() -> None:
    place = make_place()
    api = watched(place)
    text = yaml_of([api])
    other = make_environment(place.environment.organization)

    [whole] = read(text.encode())
    made = make(place.user, WantedApi(other, whole)).api

    assert "Too many errors" in text and "On call" in text and yaml_of([made]) == text
    alert = Alert.objects.get(api=made)
    assert (alert.environment, alert.codes, alert.users) == (other, [500, 503], [place.user.pk])


def test_a_promotion_brings_them_up_to_date_and_leaves_who_is_not_there_out() -> None:
    place = make_place()
    api = watched(place)
    there = make_environment(place.environment.organization)
    made = promoting.promote(place.user, api, proposed(place.user, api, there, None)).api
    first = Alert.objects.get(api=made)
    mine = Alert.objects.get(api=api)
    mine.threshold = 9
    mine.save()

    promoting.promote(place.user, api, proposed(place.user, api, there, made))

    assert Alert.objects.get(api=made).pk == first.pk and Alert.objects.get(api=made).threshold == 9
    mine.delete()
    promoting.promote(place.user, api, proposed(place.user, api, there, made))
    assert not Alert.objects.filter(api=made).exists()


def test_who_cannot_be_told_there_is_named() -> None:
    place, elsewhere = make_place(), make_place()
    api = watched(place)
    away = Destination.objects.create(name="Pager", environment=place.environment, **target(place))
    Alert.objects.update(destinations=[away.pk], users=[place.user.pk])
    make_role(elsewhere.user, place.environment.organization)

    [whole] = read(yaml_of([api]).encode())
    made = make(elsewhere.user, WantedApi(elsewhere.environment, whole))

    (note,) = [one for one in made.notes if "Too many errors" in one]
    assert f"{place.user}, Pager cannot be told" in note
    assert Alert.objects.get(api=made.api).users == []


def target(place: Place) -> dict[str, object]:
    return {"organization": place.environment.organization, "url": "https://b.test/"}


def test_what_is_no_alert_is_refused_with_words() -> None:
    place = make_place()
    api = make_saved_api(place)

    for row in ({"name": "a"}, {"name": "a", "type": "codes", "colour": 1}, {"name": "a", "type": "nothing"}):
        with pytest.raises(ValidationError) as refused:
            carried.put(place.user, api, [row])
        assert list(refused.value.message_dict) == ["alerts"]


def test_who_may_not_view_alerts_there_is_left_out() -> None:
    place = make_place()
    api = make_saved_api(place)
    reader = make_user(username="reader")
    may = CustomRole.objects.create(
        organization=place.environment.organization, name="Reader", permissions=["view:apis"]
    )
    make_role(reader, place.environment.organization, Role.CUSTOM, custom=may)

    carried.put(place.user, api, [{"name": "a", "type": "no-traffic", "users": ["reader"]}])

    assert Alert.objects.get(api=api).users == []
