"""The Secret documents of a file: shared secrets that policies mention, with the values that it has."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from apis.portable import mentioned, variables
from apis.portable.shape import DEFAULT_GROUP, PolicyPart, SecretPart
from apis.secret_groups.shared import FIELDS
from gateways.protocol import resources as r

if TYPE_CHECKING:
    from apis.portable.read import FileContent

UNUSED = "no policy of the file mentions it: write ${{secret:{}}} where it is meant, or take it out"
NO_TLS = "certificates are kept as keystores: upload it under Secrets and TLS, and take it out here"
KINDS = " or ".join(" and ".join(fields) for fields in FIELDS.values())
OTHER_FIELDS = "holds {}; a shared secret holds " + KINDS


def shared_secrets(found: "FileContent", policies: Sequence[PolicyPart]) -> tuple[SecretPart, ...]:
    """Those that these mention and of which the file has a document."""
    named = mentioned.references(one.config for one in policies)
    return tuple(_part(found.secrets[one]) for one in sorted(named & found.secrets.keys()))


def check_secrets(found: "FileContent", used: Collection[str]) -> None:
    for name, one in found.secrets.items():
        fault = _fault(one) or ("" if name in used else UNUSED.format(_shown(name)))
        if fault:
            found.faults.add(found.line("Secret", name), f"Secret {_shown(name)}: {fault}")


def _part(one: r.Secret) -> SecretPart:
    plain, unknown = variables.taken(one.spec.data or {})
    values = {**plain, **unknown}
    return SecretPart(
        group=one.metadata.namespace, name=one.metadata.name, values=dict(sorted(values.items()))
    )


def _fault(one: r.Secret) -> str:
    if one.spec.tls is not None:
        return NO_TLS
    fields = set(one.spec.data or {})
    return "" if fields in map(set, FIELDS.values()) else OTHER_FIELDS.format(", ".join(sorted(fields)))


def _shown(name: str) -> str:
    return name.removeprefix(f"{DEFAULT_GROUP}/")
