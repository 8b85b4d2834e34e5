"""Reads snapshots as they come over the wire."""

import orjson

from gateways.protocol.resources import RESOURCE, AnyResource, Snapshot


class SnapshotReader:
    """Remembers the last snapshot's resources: one that has not changed is the same object again.

    Checking a thousand APIs anew takes longer than all else that one changed policy needs.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, AnyResource] = {}

    def read(self, body: bytes) -> Snapshot:
        """Raises ValidationError."""
        try:
            document = orjson.loads(body)
            texts = [orjson.dumps(one) for one in document["resources"]]
            known = {text: self._known.get(text) or RESOURCE.validate_json(text) for text in texts}
        except (ValueError, TypeError, KeyError):
            # ValidationError is a ValueError; this one tells the place within the whole.
            return Snapshot.model_validate_json(body)
        snapshot = Snapshot.model_validate({**document, "resources": ()})
        self._known = known
        return snapshot.model_copy(update={"resources": tuple(known[text] for text in texts)})
