"""Whether a policy may only observe: one that cannot would do the same as before, in silence."""

from gateways.protocol import resources as r
from gateways.protocol.faults import Faulty, Path, fault
from policies.catalog import UnknownPolicy, find


def observes(resource: r.AnyResource, path: Path, given: r.InlinePolicy | r.PolicyBindingSpec) -> bool:
    """Raises Faulty where it is set to, and cannot."""
    if given.mode != "observe":
        return False
    name = given.policy_ref.name
    try:
        why = find(name).why_unobservable
    except UnknownPolicy:
        why = "refuses nothing that could be observed"
    if why:
        raise Faulty(fault(resource, (*path, "mode"), f"{name} {why}"))
    return True
