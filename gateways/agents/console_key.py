"""The console's own key pair, made on first use."""

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection

from console.compiled import CompiledQuery
from gateways.models import ConsoleKey
from gateways.protocol import trust
from gateways.protocol.messages import CONSOLE

OTHER_KEYS = (
    "GATEWRIGHT_ENCRYPTION_KEYS: none of these keys opens what the database holds. Give every process those "
    "with which it was written, and their GATEWRIGHT_SECRET_KEY; where no variable gives them, "
    "they are those of {}."
)
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


def check_keys(home: Path) -> None:
    """Raises ImproperlyConfigured where our keys are others than the database's: each process would write
    what its neighbours cannot read. Says nothing while the database is away, or before its setup.
    """
    try:
        console_key()
    except DatabaseError:
        pass
    except ImproperlyConfigured as error:
        raise ImproperlyConfigured(OTHER_KEYS.format(home / "keys.json")) from error
    finally:
        connection.close()
