"""The names of an API's resources on gateways, and the row that a name is of."""

import re
from collections.abc import Mapping

API, APPLICATION = "apii-", "application-"
_ID = "([1-9][0-9]{0,17})"
_API = re.compile(API + _ID)
_MENTIONED = re.compile(rf"(?<![\w/.-]){API}{_ID}(?![\w/-])")
_UPSTREAM = re.compile(f"{API}{_ID}-[0-9a-f]{{8}}")
_APPLICATION = re.compile(APPLICATION + _ID)
_BINDING = re.compile(f".*-{_ID}")
_AUTOMATED = re.compile(rf".*-automated\.{_ID}")


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


def of_application(pk: int) -> str:
    """What its requests are counted by. It is no name of a resource."""
    return f"{APPLICATION}{pk}"


def labels_of_application(pk: int, name: str) -> tuple[str, ...]:
    """What its requests may be counted by: gateways of the release before count by its name. One that is
    named as another's label is not counted by it.
    """
    own = of_application(pk)
    return (own,) if application_of(name) else (own, name)


def api_of(name: str) -> int | None:
    """The id of the API that has this name; None where none can."""
    found = _API.fullmatch(name)
    return int(found[1]) if found else None


def apis_in(text: str) -> set[int]:
    """The ids of the APIs that a gateway's words mention."""
    return {int(one) for one in _MENTIONED.findall(text)} if API in text else set()


def renamed(text: str, names: Mapping[int, str]) -> str:
    """A gateway's words, with these names in the place of the APIs' own."""
    return _MENTIONED.sub(lambda found: names.get(int(found[1]), found[0]), text)


def api_of_upstream(name: str) -> int | None:
    """The id of the API of whose upstream's Service this is the name; None where it is none's."""
    found = _UPSTREAM.fullmatch(name)
    return int(found[1]) if found else None


def application_of(label: str) -> int | None:
    """The same of what an application's requests are counted by."""
    found = _APPLICATION.fullmatch(label)
    return int(found[1]) if found else None


def binding_of(name: str) -> int | None:
    """The same of a policy's binding."""
    found = _BINDING.fullmatch(name)
    return int(found[1]) if found else None


def automated_of(name: str) -> int | None:
    """The same of an automated policy."""
    found = _AUTOMATED.fullmatch(name)
    return int(found[1]) if found else None
