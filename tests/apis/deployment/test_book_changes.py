"""What is sent of contracts that come and go: after it a replica has those that count, and no others."""

from pathlib import Path

import pytest
import redis
from django.conf import settings

from apis import resource_names
from apis.changes import contracts
from apis.contracts.models import Contract
from apis.deployment import books
from gateways.agent.ledger import Ledger
from gateways.agent.link.grants import Grants
from gateways.agents import outbox
from gateways.models import Gateway
from gateways.protocol.frames import frames
from tests.factories import make_api, make_contract, make_gateway, make_user

pytestmark = pytest.mark.django_db(transaction=True)


def sent(gateway: Gateway, kind: str) -> bytes | None:
    with redis.Redis.from_url(settings.REDIS_URL) as valkey:
        sealed = valkey.get(outbox.key(gateway.pk, kind))
    framed = outbox.opened(gateway.pk, sealed) if isinstance(sealed, bytes) else None
    return next(iter(frames([framed])))[1] if framed else None


def test_one_that_came_after_the_base_is_gone_when_it_is_revoked(tmp_path: Path) -> None:
    gateway, actor = make_gateway(), make_user()
    api = make_api(gateway)
    first, late = make_contract(api), make_contract(api, status=Contract.Status.PENDING)
    ledger = Ledger(tmp_path / "e")
    every = Grants(ledger, tmp_path / "e", str(gateway.pk))
    some = Grants(Ledger(tmp_path / "s"), tmp_path / "s", str(gateway.pk))
    for name in ("e", "s"):
        (tmp_path / name).mkdir()
    contracts.revoke(actor, first)
    contracts.restore(actor, first)
    whole = books.build(gateway)
    assert every.take(whole.body)
    assert [one.label for one in ledger.sent] == [resource_names.of_application(first.application_id)]
    assert some.take(whole.body)

    for number, change in enumerate(
        (contracts.approve, contracts.revoke, contracts.restore, contracts.revoke)
    ):
        change(actor, late)
        body = sent(gateway, outbox.CHANGES)
        assert body is not None
        assert every.change(body)
        if number % 3 == 0:
            assert some.change(body)

    assert every.state.digest == some.state.digest == books.build(gateway).digest
    assert every.state.generation == some.state.generation
