"""Whether a policy may only observe: one that refuses nothing would do the same as before, in silence."""

from gateways.protocol import resources as r
from gateways.protocol.faults import Faulty, Path, fault
from policies.catalog import UnknownPolicy, find


def observes(resource: r.AnyResource, path: Path, given: r.InlinePolicy | r.PolicyBindingSpec) -> bool:
    """Raises Faulty where it is set to, and has nothing to refuse."""
    if given.mode != "observe":
        return False
    name = given.policy_ref.name
    try:
        can = find(name).can_observe
    except UnknownPolicy:
        can = False
    if not can:
        raise Faulty(fault(resource, (*path, "mode"), f"{name} refuses nothing that could be observed"))
    return True
