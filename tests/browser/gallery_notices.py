"""What people were told, for the gallery."""

from datetime import timedelta

from django.utils import timezone

from console.notices.models import Delivery, Destination, Notice
from tests.apis.views.pages import Place


def make_notices(place: Place) -> dict[str, object]:
    """A read and an unread notice, a destination, and a message to it that could not be sent yet."""
    told = {
        "kind": "alerts",
        "organization": place.environment.organization,
        "environment": place.environment,
    }
    for subject, read_at in (("Orders fails", None), ("Orders is well again", timezone.now())):
        text = "5 % of 2,000 requests failed in the last five minutes."
        Notice.objects.create(
            user=place.user, subject=subject, text=text, link="/apis", read_at=read_at, **told
        )
    destination = Destination.objects.create(
        name="On call",
        organization=place.environment.organization,
        environment=place.environment,
        url="https://hooks.example.com/",
        hint="hooks.example.com",
    )
    delivery = Delivery.objects.create(
        way="channel",
        destination=destination,
        subject="Orders fails",
        attempts=2,
        answer="it answers 503 Service Unavailable",
        next_at=timezone.now() + timedelta(minutes=5),
        **told,
    )
    return {"destination": destination.pk, "delivery": delivery.pk}
