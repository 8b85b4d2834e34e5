"""The catalog: every folder beside this file that holds a `policy.py` with a `POLICY`."""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from policies.policy import Policy
from policies.traits import Exchange

FOLDER = Path(__file__).parent


class UnknownPolicy(LookupError):
    """No policy of the catalog has this name."""


@cache
def policies() -> tuple[Policy[Any], ...]:
    """Every policy, by title."""
    found = (
        import_module(f"{__name__}.{path.parent.name}.policy").POLICY
        for folder in __path__
        for path in Path(folder).glob("*/policy.py")
    )
    return tuple(sorted(found, key=lambda policy: policy.title.casefold()))


def find(name: str) -> Policy[Any]:
    """The policy of this name or alias. Raises UnknownPolicy, whose text names close matches."""
    try:
        return _by_name()[name]
    except KeyError:
        raise UnknownPolicy(_unknown(name)) from None


def own_name(name: str) -> str:
    """Of the policy with this name or alias. Raises UnknownPolicy."""
    return find(name).name


def says_setting(name: str) -> str:
    """The part of an upstream's settings that the policy of this name says too; "" of any other."""
    try:
        return find(name).says_setting
    except UnknownPolicy:
        return ""


@cache
def carrier(setting: str) -> Policy[Any]:
    """The policy as a binding of which this setting of an API reaches gateways."""
    return next(one for one in policies() if one.carries_setting == setting)


def offered_for(lack: str) -> Policy[Any]:
    """The policy to offer where an API has contracts, or tiers, and nothing acts on them."""
    return next(one for one in policies() if one.offered_for == lack)


def shares() -> list[Callable[[Path], Exchange]]:
    """What makes the exchanges between replicas, each once: of policies that limit first, caches behind."""
    found = sorted(policies(), key=lambda policy: policy.phase)
    return list(dict.fromkeys(policy.shares for policy in found if policy.shares))


def alone(name: str) -> Policy[Any]:
    """The policy of this name, of which nothing else of the catalog is imported."""
    policy: Policy[Any] = import_module(f"{__name__}.{name.replace('-', '_')}.policy").POLICY
    return policy


def prepare(state: Path) -> None:
    """Makes what policies keep in a gateway's state folder; harmless on repeat. Raises OSError."""
    for policy in policies():
        if policy.prepare:
            policy.prepare(state)


def readme(policy: Policy[Any]) -> str:
    """The policy's own documentation, Markdown."""
    return (FOLDER / policy.name.replace("-", "_") / "README.md").read_text()


@cache
def _by_name() -> dict[str, Policy[Any]]:
    return {name: policy for policy in policies() for name in (policy.name, *policy.aliases)}


def _unknown(name: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, _by_name(), n=1)
    hint = f'did you mean "{close[0]}"?' if close else f"one of {', '.join(p.name for p in policies())}."
    return f'"{name}" is not a policy of the catalog; {hint}'
