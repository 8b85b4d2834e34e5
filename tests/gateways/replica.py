"""A replica as the console sees it: signs requests with its gateway's key, from outside."""

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from gateways.models import Deployment, Gateway
from gateways.protocol import trust
from gateways.protocol.messages import CONSOLE
from tests.factories import make_gateway

HEARTBEATS = "/agent/v1/heartbeats"
ACKS = "/agent/v1/acks"


@dataclass
class SigningReplica:
    """`gateway` is registered with the public half of `keys`."""

    keys: trust.KeyPair = field(default_factory=trust.key_pair)
    gateway: Gateway = None  # type: ignore[assignment]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    now: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        self.gateway = self.gateway or make_gateway(public_key=self.keys.public)

    def sign(self, body: bytes, path: str = HEARTBEATS, method: str = "POST", audience: str = CONSOLE) -> str:
        signer = trust.Signer(self.keys.private, str(self.gateway.pk), self.now)
        return signer.headers(audience, method, path, body, subject=self.id)["Authorization"]

    def post(self, path: str, body: dict[str, Any], authorization: str = "") -> HttpResponse:
        """Post the body, signed here unless an authorization is given."""
        raw = json.dumps(body).encode()
        return Client().post(
            path,
            raw,
            content_type="application/json",
            headers={"Authorization": authorization or self.sign(raw, path)},
        )

    def heartbeat(self, **fields: Any) -> HttpResponse:
        return self.post(HEARTBEATS, self.heartbeat_body(**fields))

    def heartbeat_body(self, **fields: Any) -> dict[str, Any]:
        facts = {"id": self.id, "name": "box-1", "version": "0.1.0", "startedAt": timezone.now().isoformat()}
        facts |= {name: fields.pop(name) for name in ("control_url",) if name in fields}
        return {"replica": facts, **fields}

    def ack(
        self, generation: int, *resources: dict[str, Any], was_deployed: bool = True, **fields: Any
    ) -> HttpResponse:
        if was_deployed:
            Deployment.objects.get_or_create(
                gateway=self.gateway,
                generation=generation,
                defaults={"digest": "d" * 64, "resources_count": 0},
            )
        body = {
            "replica": self.id,
            "generation": generation,
            "digest": "d" * 64,
            "applied": True,
            "at": timezone.now().isoformat(),
            "resources": list(resources),
        }
        return self.post(ACKS, body | fields)
