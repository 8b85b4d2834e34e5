"""Changes of all APIs at once, for measuring what pages tell of them."""

from apis.api_name import NAME
from apis.automated.models import AutomatedPolicy, PolicySet
from apis.brought_to_many import BroughtToMany
from apis.changes import automated, noting
from apis.changes.automated_check import Applies
from apis.models import ApiInstance
from console import audit
from console.models import AuditEntry, Environment, User

ENTRIES = 10


def switched(user: User, environment: Environment) -> AutomatedPolicy:
    """An automated policy of all of them, which is to be disabled and enabled."""
    label = f"switched {environment.automated_policies.count()}"
    made = automated.add(user, environment, "ip-allowlist", {"ips": ["10.0.0.0/8"]}, Applies(), label=label)
    noted()
    return made


def noted() -> None:
    """What a worker does after a change."""
    for pk in BroughtToMany.objects.values_list("pk", flat=True):
        noting.work(pk)


def told_set(user: User, environment: Environment) -> PolicySet:
    """A policy set that all have, whose history tells ten times of all of them: half of it as releases did
    that kept every name.
    """
    apis = ApiInstance.objects.filter(environment=environment).order_by("pk")
    names, ids = list(apis.values_list(NAME, flat=True)), list(apis.values_list("pk", flat=True))
    name = f"Of {len(ids)} APIs, {environment.policy_sets.count()}"
    made = PolicySet.objects.create(environment=environment, name=name, apis=ids, created_by=user)
    for number in range(ENTRIES):
        entry = audit.record(
            user,
            AuditEntry.Action.UPDATE,
            made,
            organization=environment.organization,
            environment=environment,
            before={"apis": []},
            after={"apis": names},
        )
        if entry and number % 2:
            entry.diff = {"apis": [names[:number], names]}
            entry.save()
    return made
