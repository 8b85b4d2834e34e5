"""An agent speaks with a console of the release before, which refuses every field that it does not know."""

from datetime import UTC, datetime

import pytest

from gateways.agent.link.client import _json
from gateways.protocol.messages import Heartbeat, ReplicaFacts


@pytest.mark.parametrize(("stream", "is_told"), [(None, False), (True, True), (False, True)])
def test_the_stream_is_told_of_to_a_console_that_has_streams(stream: bool | None, is_told: bool) -> None:
    facts = ReplicaFacts(id="r", name="box", version="1", started_at=datetime.now(UTC))

    text = _json(Heartbeat(replica=facts, stream=stream))

    assert (b'"stream"' in text) is is_told
    assert Heartbeat.model_validate_json(text).stream is stream
