"""A client of the REST interface for tests: speaks JSON with a bearer token."""

import json
from typing import Any

from django.test import Client

from console.models import Environment, User
from console.rest import tokens


class Rest:
    def __init__(self, user: User | None, environment: Environment | None = None) -> None:
        self.client = Client(raise_request_exception=False)
        self.headers = {"Authorization": f"Bearer {tokens.issue(user)}"} if user else {}
        self.environment = environment

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The response; `.data` is its JSON. "AM/…", "PX/…" and the like are in the environment."""
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        response = self.client.generic(
            method,
            self.address(path),
            b"" if body is None else raw,
            content_type="application/json",
            headers=self.headers | headers,
        )
        response.data = json.loads(response.content) if response.content else None
        return response

    def address(self, path: str) -> str:
        path, mark, query = path.partition("?")
        start, _, rest = path.partition("/")
        e = self.environment
        scope = f"organizations/{e.organization_id}/environments/{e.pk}" if e else ""
        places = {
            "AM": f"/apimanager/api/v1/{scope}/apis",
            "AMX": f"/apimanager/xapi/v1/{scope}",
            "SG": f"/secrets-manager/api/v1/{scope}/secretGroups",
            "ALERTS": f"/monitoring/api/alerts/api/v2/{scope}/alerts",
            "SETS": f"/apimanager/api/v1/{scope}/policy-sets",
            "PX": f"/proxies/xapi/v1/{scope}/apis",
        }
        whole = "/".join(filter(None, (places[start], rest))) if start in places else path
        return whole + mark + query
