"""What the uses of policies on an API are called: stable across pushes, since counters are kept by it."""

from collections import Counter
from collections.abc import Iterator

from gateways.protocol import resources as r


def inline_names(resource: r.ApiInstance) -> Iterator[str]:
    """A name for each inline policy that stays its own when another policy comes before it.

    It has a part more than the name of any PolicyBinding.
    """
    seen: Counter[str] = Counter()
    for inline in resource.spec.policies:
        name = inline.policy_ref.name
        seen[name] += 1
        number = f"-{seen[name]}" if seen[name] > 1 else ""
        yield f"{resource.metadata.namespace}/{resource.metadata.name}/{name}{number}"


def bound_name(resource: r.ApiInstance, binding: r.PolicyBinding) -> str:
    """A binding by selector is one use on each API, with counters of its own."""
    name = "/".join(binding.key)
    if binding.spec.target_ref.kind == "Selector":
        name += "@" + "/".join(resource.key)
    return name
