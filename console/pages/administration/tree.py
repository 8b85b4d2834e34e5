"""Organizations as they nest, with the environments of each."""

from collections import defaultdict
from dataclasses import dataclass, field

from console.models import Environment, Organization, User


@dataclass
class OrganizationNode:
    organization: Organization
    environments: list[Environment] = field(default_factory=list)
    children: list["OrganizationNode"] = field(default_factory=list)


def tree(user: User) -> list[OrganizationNode]:
    """What the user may see: roots first, each with its business groups below it."""
    environments = defaultdict(list)
    for environment in Environment.objects.known_to(user):
        environments[environment.organization_id].append(environment)
    visible = Organization.objects.visible_to(user)
    nodes = {one.pk: OrganizationNode(one, environments[one.pk]) for one in visible}
    roots: list[OrganizationNode] = []
    for node in nodes.values():
        above = nodes.get(node.organization.parent_id) if node.organization.parent_id else None
        (above.children if above else roots).append(node)
    return roots
