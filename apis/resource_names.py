"""The names of an API's resources on gateways, and the row that a name is of."""

import re

API = "apii-"
_ID = "([1-9][0-9]{0,17})"
_API = re.compile(API + _ID)
_BINDING = re.compile(f".*-{_ID}")


def of_api(pk: int) -> str:
    return f"{API}{pk}"


def of_binding(policy: str, pk: int, upstream: str = "") -> str:
    """`upstream` is the id, in hexadecimal digits, of the one that an outbound policy acts on."""
    return f"{policy}-{upstream[:8]}-{pk}" if upstream else f"{policy}-{pk}"


def of_automated(policy: str, pk: int) -> str:
    """Of a policy that holds for many APIs; no API's own binding is called so."""
    return f"{policy}-automated.{pk}"


def of_upstream(api: int, upstream: str) -> str:
    """Of the Service that stands for an upstream; `upstream` is its id in hexadecimal digits."""
    return f"{of_api(api)}-{upstream[:8]}"


def of_contract(pk: int) -> str:
    return f"contract-{pk}"


def api_of(name: str) -> int | None:
    """The id of the API that has this name; None where none can."""
    found = _API.fullmatch(name)
    return int(found[1]) if found else None


def binding_of(name: str) -> int | None:
    """The same of a policy's binding."""
    found = _BINDING.fullmatch(name)
    return int(found[1]) if found else None
