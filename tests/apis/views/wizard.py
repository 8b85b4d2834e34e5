"""Walks the wizard as its pages do."""

from apis.wizard_draft import WizardDraft
from tests.apis.views.pages import Place


def draft_of(place: Place) -> WizardDraft | None:
    """The one that was begun last."""
    return WizardDraft.objects.filter(user=place.user).order_by("created_at").last()


def address(place: Place, step: str) -> str:
    """Of a step of the draft that was begun last; of the first step, when there is none."""
    draft = draft_of(place)
    return f"/apis/add/{draft.pk}/{step}" if draft else "/apis/add"


def send(place: Place, step: str, **data: object) -> object:
    """Post a step; a double underscore stands for the dot of a field's name."""
    fields = {name.replace("__", "."): value for name, value in data.items()}
    return place.client.post(address(place, step), {"go": "next", **fields})


def show(place: Place, step: str, **options: object) -> object:
    return place.client.get(address(place, step), **options)


def fill(place: Place, upto: str = "review") -> None:
    """Go through the steps before this one."""
    steps = {
        "gateway": {"gateway": str(place.gateway.pk)},
        "api": {
            "mode": "new",
            "asset__name": "Orders",
            "asset__api_version": "v1",
            "asset__version": "1.0.0",
        },
        "downstream": {"protocol": "http", "port": "8081", "base_path": "/orders"},
        "upstream": {"mode": "simple", "uri": "http://backend:8080/"},
    }
    for step, data in steps.items():
        if step == upto:
            return
        assert send(place, step, **data).status_code == 302  # type: ignore[attr-defined]
