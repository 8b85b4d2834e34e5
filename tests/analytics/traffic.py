"""Batches of traffic as replicas ship them."""

import time
import uuid
from typing import Any

from analytics.ingest import ingest
from apis.models import ApiInstance
from gateways.protocol.histogram import bucket
from gateways.protocol.messages import RequestSample, ResourceCount, TrafficBatch, TrafficCount

NOW = int(time.time())
"""When the run began, which may be minutes ago; what is built without a time is of this moment."""


def count(
    api: ApiInstance, /, requests: int = 1, *, at: int | None = None, us: int = 1000, **fields: Any
) -> TrafficCount:
    at = int(time.time()) if at is None else at
    labels: dict[str, Any] = {
        "time": at - at % 10,
        "namespace": str(api.environment_id),
        "api": api.resource_name,
        "route": "main",
        "method": "GET",
        "status": 200,
        "requests": requests,
        "total": {bucket(us): requests},
        "upstream": {bucket(us // 2): requests},
    }
    return TrafficCount(**labels | fields)


def resource(
    api: ApiInstance, /, requests: int = 1, *, at: int | None = None, **fields: Any
) -> ResourceCount:
    at = int(time.time()) if at is None else at
    labels: dict[str, Any] = {
        "time": at - at % 10,
        "namespace": str(api.environment_id),
        "api": api.resource_name,
        "method": "GET",
        "resource": "/orders/{id}",
        "requests": requests,
        "total": {bucket(1000): requests},
    }
    return ResourceCount(**labels | fields)


def sample(api: ApiInstance, /, *, at: float | None = None, **fields: Any) -> RequestSample:
    labels: dict[str, Any] = {
        "at": time.time() if at is None else at,
        "namespace": str(api.environment_id),
        "api": api.resource_name,
        "route": "main",
        "method": "GET",
        "path": "/orders/1",
        "status": 200,
    }
    return RequestSample(**labels | fields)


class Shipper:
    """A replica of the API's gateway that ships one log file, batch after batch."""

    def __init__(self, api: ApiInstance) -> None:
        assert api.gateway
        self.gateway = api.gateway
        self.replica = str(uuid.uuid4())
        self.offset = 0

    def batch(self, *counts: TrafficCount, **fields: Any) -> TrafficBatch:
        return TrafficBatch(
            replica=self.replica,
            file="1",
            start=fields.pop("start", self.offset),
            end=fields.pop("end", self.offset + 100),
            counts=counts,
            **fields,
        )

    def ship(self, *counts: TrafficCount, **fields: Any) -> int:
        self.offset = ingest(self.gateway, self.batch(*counts, **fields))
        return self.offset
