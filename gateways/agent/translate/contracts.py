"""From Contract resources to the contracts that policies look callers up in; which of them grant nothing."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from gateways.agent.translate import ir
from gateways.agent.translate.index import Index, Key
from gateways.protocol import resources as r
from gateways.protocol.faults import Fault, Path, fault
from policies.catalog import find
from policies.contracts.contract import MOST, NEVER, Contract, HashedSecret, Limit, plain
from policies.traits import AsksContracts

Given = Sequence[r.Contract]
Made = dict[int, tuple[r.Contract, Contract]]
"""What resources became, by the identity of each, which lives as long."""


def granted(given: Given, made: Made | None = None) -> tuple[tuple[Contract, ...], list[Fault]]:
    """Those in force. Of two of one client and API, or of one name, the later grants nothing.

    One of an API that is not there is kept: it may be held, and run on. What was `made` before is the same
    object again; it is of these resources afterwards.
    """
    before = {} if made is None else dict(made)
    now: Made = {}
    found: dict[tuple[str, str], Contract] = {}
    names: set[Key] = set()
    faults: list[Fault] = []
    for at, resource in enumerate(given):
        _, contract = now[id(resource)] = before.get(id(resource)) or (resource, contract_of(resource))
        key = contract.api, contract.client_id
        if resource.key in names:
            message = "there already is a Contract of this name in its namespace; it grants nothing"
            faults.append(fault(resource, ("metadata", "name"), message))
        elif key in found:
            message = f"{resource.spec.api_id} already has a contract with this client; it grants nothing"
            faults.append(fault(resource, ("spec", "client", "id"), message))
        elif len(found) == MOST:
            many = f"a gateway takes {MOST} contracts; the {len(given) - at} from here on grant nothing"
            faults.append(fault(resource, ("spec",), many))
            break
        else:
            found[key] = contract
        names.add(resource.key)
    if made is not None:
        made.clear()
        made.update(now)
    return tuple(found.values()), faults


def contract_of(resource: r.Contract) -> Contract:
    client, sla = resource.spec.client, resource.spec.sla
    limits = tuple(
        Limit(one.maximum_requests, one.time_period_in_milliseconds) for one in (sla.limits if sla else ())
    )
    api = f"{resource.metadata.namespace}/{resource.spec.api_id}"
    digests = tuple(
        HashedSecret(bytes.fromhex(one.sha256), _until(one.expires_at)) for one in client.secret_digests
    )
    return Contract(
        "/".join(resource.key),
        api,
        client.id,
        digests or plain(client.secret),
        client.name or client.id,
        limits,
        _until(resource.spec.expires_at),
        resource.metadata.annotations.get(r.APPLICATION_LABEL, ""),
    )


def _until(at: datetime | None) -> float:
    return at.timestamp() if at else NEVER


def advice(given: Given, index: Index, apis: Iterable[ir.Api]) -> Iterator[Fault]:
    """Contracts that cannot act, and APIs that ask for contracts and have none. Said once for each API."""
    of_api: dict[Key, list[r.Contract]] = defaultdict(list)
    for one in given:
        of_api[one.metadata.namespace, one.spec.api_id].append(one)
    for api in apis:
        asks, contracts = _asks(api), of_api.get(api.key, [])
        if asks and not contracts:
            message = f"{next(iter(asks))} asks for contracts, and there is none: it lets nobody pass"
            yield fault(index.apis[api.key], ("spec", "policies"), message, is_warning=True)
        elif contracts:
            yield from _idle(api, contracts, asks)


def _asks(api: ir.Api) -> Mapping[str, AsksContracts]:
    """What each of its policies looks for in contracts, by the policy's name."""
    found = ((use.policy, find(use.policy).asks_contracts(use.config)) for use in api.policies)
    return {name: asks for name, asks in found if asks}


def _idle(api: ir.Api, contracts: Given, asks: Mapping[str, AsksContracts]) -> Iterator[Fault]:
    if not asks:
        message = f"no policy of {api.name} asks for contracts: it grants nothing, and keeps nobody out"
        yield from _first(contracts, ("spec", "apiId"), message)
        return
    for name, ours in asks.items():
        if ours.secret:
            without = [one for one in contracts if not contract_of(one).secrets]
            message = f"has no secret, and {name} of {api.name} asks for it: it lets nobody pass"
            yield from _first(without, ("spec", "client"), message)
        if ours.limits:
            without = [one for one in contracts if not one.spec.sla]
            message = f"has no sla, and {name} of {api.name} asks for its limits: it lets nobody pass"
            yield from _first(without, ("spec",), message)
    if not any(ours.limits for ours in asks.values()):
        limited = [one for one in contracts if one.spec.sla]
        yield from _first(limited, ("spec", "sla"), f"no policy of {api.name} asks for it: it limits nothing")


def _first(contracts: Given, path: Path, message: str) -> Iterator[Fault]:
    """Of ten thousand the first, and how many more there are."""
    if contracts:
        more = f" (the same of {len(contracts) - 1} more)" if len(contracts) > 1 else ""
        yield fault(contracts[0], path, message + more, is_warning=True)
