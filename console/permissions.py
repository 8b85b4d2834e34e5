"""What people may do: every permission there is, and the sets of them that the built-in roles are."""

from collections.abc import Iterable, Mapping

from django.db.models import TextChoices


class Permission(TextChoices):
    """Each is asked for by pages and REST alike; a role is a set of them."""

    VIEW_APIS = "view:apis", "View APIs"
    MANAGE_APIS = "manage:apis", "Manage APIs"
    DEPLOY_APIS = "deploy:apis", "Deploy APIs"
    VIEW_POLICIES = "view:policies", "View policies"
    MANAGE_POLICIES = "manage:policies", "Manage policies"
    VIEW_CONTRACTS = "view:contracts", "View contracts"
    MANAGE_CONTRACTS = "manage:contracts", "Manage contracts"
    VIEW_ALERTS = "view:alerts", "View alerts"
    MANAGE_ALERTS = "manage:alerts", "Manage alerts"
    VIEW_TRAFFIC = "view:traffic", "View traffic"
    VIEW_GATEWAYS = "view:gateways", "View gateways"
    MANAGE_GATEWAYS = "manage:gateways", "Manage gateways"
    VIEW_SECRETS = "view:secrets", "View secrets and TLS"
    MANAGE_SECRETS = "manage:secrets", "Manage secrets and TLS"
    VIEW_AUDIT = "view:audit", "View the audit log"
    ADMINISTER_ENVIRONMENT = "administer:environment", "Administer the environment"
    ADMINISTER_ORGANIZATION = "administer:organization", "Administer the organization"


P = Permission

ABOUT: Mapping[str, str] = {
    P.VIEW_APIS: "Their routes, upstreams, documents, tests and state, a day's figures, and what was "
    "deployed, their policies among it.",
    P.MANAGE_APIS: "Add, change, copy and delete them. What is deployed changes by who may deploy.",
    P.DEPLOY_APIS: "Put on gateways what was saved, roll back, undeploy: also what a save brings at once.",
    P.VIEW_POLICIES: "Those of APIs, automated ones and policy sets, with their configuration.",
    P.MANAGE_POLICIES: "Apply, change, order and remove them. Those of a whole environment act at once on "
    "what is deployed, and need Deploy APIs, too.",
    P.VIEW_CONTRACTS: "Who calls the APIs, and by which SLA tier.",
    P.MANAGE_CONTRACTS: "Approve, reject and revoke them; SLA tiers; client applications.",
    P.VIEW_ALERTS: "What is watched, and what was raised.",
    P.MANAGE_ALERTS: "Add, change, silence and delete them.",
    P.VIEW_TRAFFIC: "Charts, figures and single requests of analytics.",
    P.VIEW_GATEWAYS: "Their replicas and what they run.",
    P.MANAGE_GATEWAYS: "Register, change, revoke and delete them.",
    P.VIEW_SECRETS: "TLS contexts and secret groups, without what is secret in them.",
    P.MANAGE_SECRETS: "Add, replace and delete them.",
    P.VIEW_AUDIT: "Who changed what, and what it was before.",
    P.ADMINISTER_ENVIRONMENT: "Deploying what failing tests or a lacking second person stop; others' views.",
    P.ADMINISTER_ORGANIZATION: "Users, teams, roles, connected apps, environments. Whoever holds it can "
    "give themselves every other permission.",
}
"""What each lets somebody do, in a sentence."""

IMPLIED: Mapping[str, tuple[str, ...]] = {
    P.MANAGE_APIS: (P.VIEW_APIS,),
    P.DEPLOY_APIS: (P.VIEW_APIS,),
    P.VIEW_POLICIES: (P.VIEW_APIS,),
    P.MANAGE_POLICIES: (P.VIEW_POLICIES, P.VIEW_APIS),
    P.VIEW_CONTRACTS: (P.VIEW_APIS,),
    P.MANAGE_CONTRACTS: (P.VIEW_CONTRACTS, P.VIEW_APIS),
    P.VIEW_ALERTS: (P.VIEW_APIS,),
    P.MANAGE_ALERTS: (P.VIEW_ALERTS, P.VIEW_APIS),
    P.VIEW_TRAFFIC: (P.VIEW_APIS,),
    P.MANAGE_GATEWAYS: (P.VIEW_GATEWAYS,),
    P.MANAGE_SECRETS: (P.VIEW_SECRETS,),
}
"""Nobody can change what they may not see."""

OF_AN_API = frozenset(
    (
        P.VIEW_APIS,
        P.MANAGE_APIS,
        P.DEPLOY_APIS,
        P.VIEW_POLICIES,
        P.MANAGE_POLICIES,
        P.VIEW_CONTRACTS,
        P.MANAGE_CONTRACTS,
        P.VIEW_ALERTS,
        P.MANAGE_ALERTS,
        P.VIEW_TRAFFIC,
        P.VIEW_AUDIT,
    )
)
"""What can be granted for a single API."""

EVERYTHING: frozenset[str] = frozenset(P.values)
MANAGER = EVERYTHING - {P.ADMINISTER_ENVIRONMENT, P.ADMINISTER_ORGANIZATION}
VIEWER = frozenset(one for one in P.values if one.startswith("view:"))

BUILT_IN: Mapping[str, frozenset[str]] = {
    "administrator": EVERYTHING,
    "manager": MANAGER,
    "viewer": VIEWER,
    "api-manager": MANAGER & OF_AN_API,
    "api-viewer": VIEWER & OF_AN_API,
}
"""The permissions of each built-in role."""


def closed(permissions: Iterable[str]) -> frozenset[str]:
    """With what they imply. What is no permission is left out: a later release may have written it."""
    chosen = EVERYTHING & frozenset(permissions)
    return chosen.union(*(IMPLIED.get(one, ()) for one in chosen))


def needed(name: str) -> frozenset[str]:
    """The permissions that this permission, or this built-in role, stands for."""
    return BUILT_IN.get(name) or frozenset((name,))


def words(permissions: Iterable[str]) -> list[str]:
    """As people read them, in the order of the list."""
    held = frozenset(permissions)
    return [one.label for one in Permission if one in held]
