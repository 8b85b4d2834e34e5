"""How the state of the console's parts is told to people: in a banner, and in full on a page."""

from collections.abc import Iterable
from dataclasses import dataclass

from celery import current_app
from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import render
from kombu.exceptions import OperationalError

from console import background
from console.background import SystemPart
from console.pages import parts
from console.scope import NO_ROLE, Request
from gateways.models import Gateway, Replica

PING_SECONDS = 1
PULL = (
    "Changes are saved, and gateways fetch them by themselves "
    f"within {settings.HEARTBEAT_SECONDS} s instead of being sent them."
)


@dataclass(frozen=True)
class Words:
    """What people read of a part: what it is for, what is missing without it, and how to mend that."""

    title: str
    purpose: str
    harm: str
    remedy: str


WORDS = {
    "database": Words(
        "PostgreSQL",
        "Keeps everything that is saved.",
        "No page can be shown. The gateways serve on.",
        "Start it, and see that DATABASE_URL names it.",
    ),
    "valkey": Words(
        "Valkey",
        "Carries work to the workers, and counts wrong passwords.",
        f"{PULL} Guessing passwords is not slowed down.",
        "Start it, and see that REDIS_URL names it. The workers come back by themselves.",
    ),
    "worker": Words(
        "Workers",
        "Push changes to the gateways, and sum up traffic.",
        f"{PULL} Charts over more than a few hours stay behind.",
        "Start one: celery -A console.celery worker. Its log says why it ended.",
    ),
    "scheduler": Words(
        "Scheduler",
        "Has the workers sum up traffic and tidy up.",
        "Charts over more than a few hours stay behind, and old data is not removed.",
        "Start one, and only one: celery -A console.celery beat.",
    ),
    "link": Words(
        "Streams",
        "Holds the connections down which changes come to the gateways at once.",
        PULL,
        "Start one: manage.py link. What stands before the console passes /agent/v1/stream on to it.",
    ),
    "reader": Words(
        "Document readers",
        "Read the OpenAPI documents that people upload.",
        "Uploaded documents wait, and are read later. Everything else goes on.",
        "Start one: celery -A console.celery worker -Q documents. Its log says why it ended.",
    ),
    "front": Words(
        "Front",
        "Takes every request first: reads it within limits, speaks HTTPS, compresses.",
        "The console cannot be reached through it.",
        "See front.log in the folder logs of the state folder, or what `python -m console.front` writes.",
    ),
    "gateway": Words(
        "Local gateway",
        "The gateway that was started together with the console.",
        "Its APIs may not be served, and its traffic arrives late.",
        "See gateway.log in the folder logs of the state folder.",
    ),
}
ORDER = ("database", "valkey", "worker", "scheduler", "reader", "link", "front", "gateway")
"""Of the page's rows; the last two are parts only where they run on this machine."""


@dataclass(frozen=True)
class ExplainedPart:
    part: SystemPart
    words: Words

    @property
    def is_to_mend(self) -> bool:
        return not self.part.is_up and not self.part.is_unknown


def troubles() -> list[ExplainedPart]:
    """For the banner: the part in the background that is away, if one is; the others may hang on it."""
    return _told([part for part in background.parts() if not part.is_up][:1])


def system(request: Request) -> HttpResponse:
    """The page; for htmx, its table alone. What the console is made of is told to no consumer."""
    if request.scope.environment is None and not request.user.reaches_everything:
        raise Http404(NO_ROLE)
    gateways = Gateway.objects.visible_to(request.user).filter(is_revoked=False)
    context = {
        "told": _told(_closely(parts.look())),
        "gateways": gateways.count(),
        "connected": gateways.filter(pk__in=Replica.objects.connected().values("gateway")).count(),
    }
    name = "_system" if request.htmx else "system"
    return render(request, f"console/administration/{name}.html", context)


def _told(found: Iterable[SystemPart]) -> list[ExplainedPart]:
    return [ExplainedPart(part, WORDS[part.name]) for part in found]


def _closely(found: list[SystemPart]) -> list[SystemPart]:
    """The workers apart from the scheduler: only when both work does the pulse, but a worker can be asked."""
    by_name = {part.name: part for part in found}
    pulse = by_name["worker"]
    scheduler = SystemPart("scheduler", pulse.state, pulse.since)
    if not pulse.is_up and by_name["valkey"].is_up:
        if _some_worker_answers():
            by_name["worker"] = SystemPart("worker", "up")
        else:
            by_name["worker"] = SystemPart("worker", "none answers", pulse.since)
            scheduler = SystemPart("scheduler", "unknown: no worker answers")
    by_name["scheduler"] = scheduler
    return [by_name[name] for name in ORDER if name in by_name]


def _some_worker_answers() -> bool:
    try:
        return bool(current_app.control.ping(timeout=PING_SECONDS))
    except (OperationalError, OSError):
        return False
