"""Sends a message to a destination: a webhook of ours, Slack, or what Apprise knows."""

import json
import uuid
from typing import Any

from django.utils import timezone

from console.notices import apprise_process, posting, signing, texts
from console.notices.models import Delivery, Destination

JSON = {"Content-Type": "application/json"}
SLACK_MOST = 3000


def send(delivery: Delivery) -> str:
    """What the other side answered. Raises Unsent."""
    destination = delivery.destination
    assert destination is not None
    match destination.type:
        case Destination.Type.WEBHOOK:
            return _webhook(destination, delivery)
        case Destination.Type.SLACK:
            return posting.post(destination.url, _json({"text": _slack(delivery)}), JSON)
        case _:
            return apprise_process.send(destination.url, delivery.subject, _text(delivery))


def _webhook(destination: Destination, delivery: Delivery) -> str:
    """Signed as Standard Webhooks says, so that receivers have libraries that check it."""
    body = _json(told(delivery))
    seconds = int(timezone.now().timestamp())
    return posting.post(
        destination.url,
        body,
        {**JSON, **signing.headers(destination.secret, str(delivery.pk), seconds, body)},
    )


def told(delivery: Delivery) -> dict[str, Any]:
    """What a webhook is told."""
    place = delivery.environment
    return {
        "id": str(delivery.pk),
        "kind": delivery.kind,
        "at": delivery.created_at.isoformat(),
        "organizationId": _text_of(delivery.organization_id),
        "environmentId": _text_of(place.pk if place else None),
        "environment": place.name if place else None,
        "subject": delivery.subject,
        "text": delivery.content.get("text", ""),
        "link": texts.absolute(delivery.content.get("link", "")),
        "payload": delivery.content.get("payload", {}),
    }


def _slack(delivery: Delivery) -> str:
    """In Slack's own markup, whose three characters are escaped."""
    subject, text = (_escaped(one) for one in (delivery.subject, delivery.content.get("text", "")))
    link = texts.absolute(delivery.content.get("link", ""))
    lines = [f"*{subject}*", text[:SLACK_MOST], f"<{link}|Open in Gatewright>" if link else ""]
    return "\n".join(line for line in lines if line)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _text(delivery: Delivery) -> str:
    parts = [delivery.content.get("text", ""), texts.absolute(delivery.content.get("link", ""))]
    return "\n\n".join(part for part in parts if part) or delivery.subject


def _text_of(pk: uuid.UUID | None) -> str | None:
    return str(pk) if pk else None


def _json(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()
