"""The console's own key pair, made on first use."""

from console.compiled import CompiledQuery
from gateways.models import ConsoleKey
from gateways.protocol import trust
from gateways.protocol.messages import CONSOLE

_FIRST = CompiledQuery(lambda: ConsoleKey.objects.order_by("pk")[:1])


def console_key() -> ConsoleKey:
    """The only row. When two processes start together, the first to insert wins."""
    if found := _FIRST.first():
        return found
    pair = trust.key_pair()
    ConsoleKey.objects.bulk_create(
        [ConsoleKey(public_key=pair.public, private_key=pair.private)], ignore_conflicts=True
    )
    return ConsoleKey.objects.get()


def signer() -> trust.Signer:
    """Signs what the console asks of replicas."""
    return trust.Signer(console_key().private_key, CONSOLE)
