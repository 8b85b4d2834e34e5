"""Shared secrets that an API's policies mention: what is carried of them, and what becomes of it there."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from django.core.exceptions import ValidationError

from apis.changes.secret_groups import create_group
from apis.changes.secrets import create_secret, shared_material
from apis.client_providers import filling
from apis.portable.mentioned import of_mention
from apis.portable.shape import Portable, SecretPart
from apis.portable.wanted import WantedApi
from apis.rules import sent_secrets
from apis.rules.problem import Problem, refuse
from apis.secret_groups import references
from apis.secret_groups.models import Secret, SecretGroup
from apis.secret_groups.permission import may_manage
from apis.secret_groups.sending import read_hosts
from apis.secret_groups.shared import FIELDS
from console.models import Environment, User

NEEDED = "Write the value for {}, or choose a shared secret that is there."
NOT_YOURS = "{} has no shared secret {}, and to make it you need the permission Manage secrets there."
HOSTS_STAY = "Secret group {} is in {} already: its hosts stay, and those that were chosen were not taken."
STAYS = "Shared secret {} is in {} already: its values stay, and those of the file were not taken."


def parts_of(environment: Environment, configs: list[Any]) -> tuple[SecretPart, ...]:
    """Of those that are mentioned and there; no query where none is mentioned."""
    keys = references.keys(*configs)
    known = references.secrets(environment.pk, keys)
    found = []
    for group, name in sorted(known):
        values = dict.fromkeys(FIELDS[known[group, name].type], "")
        found.append(SecretPart(group=group, name=name, values=values))
    return tuple(found)


def there(environment: Environment, parts: tuple[SecretPart, ...]) -> set[str]:
    """Which of these the environment has, as "group/name"."""
    known = references.secrets(environment.pk, [one.reference for one in parts])
    return {"/".join(key) for key in known}


def new_groups(environment: Environment, whole: Portable) -> dict[str, list[str]]:
    """Those that are made for its shared secrets, with the servers to which its policies send them."""
    known = there(environment, whole.shared_secrets)
    names = {one.group for one in whole.shared_secrets if one.reference not in known}
    names -= set(environment.secret_groups.filter(name__in=names).values_list("name", flat=True))
    return {name: _servers(environment, whole, name) for name in sorted(names)}


def put(actor: User, wanted: WantedApi) -> Iterator[str]:
    """Make those that the environment lacks and that its policies will mention; those that are there stay.
    Says what is otherwise than in the file. Raises ValidationError by "secrets.MENTION.FIELD".
    """
    parts = wanted.whole.shared_secrets if "policies" in wanted.parts else ()
    known = there(wanted.environment, parts)
    refuse(_missing(actor, wanted, known))
    if parts and wanted.sent_to:
        for group in wanted.environment.secret_groups.filter(name__in=wanted.sent_to).order_by("name"):
            if group.sent_to != read_hosts(wanted.sent_to[group.name]):
                yield HOSTS_STAY.format(group.name, wanted.environment)
    for one in parts:
        if one.reference not in known:
            _make(actor, wanted, one)
        elif any(one.values.values()):
            yield STAYS.format(one.reference, wanted.environment)


def _missing(actor: User, wanted: WantedApi, known: set[str]) -> Iterator[Problem]:
    place = wanted.environment
    for one in wanted.whole.shared_secrets if "policies" in wanted.parts else ():
        if one.reference in known:
            continue
        for field, value in one.values.items():
            if not value:
                yield Problem(f"secrets.{of_mention(one)}.{field}", NEEDED.format(place))
        if all(one.values.values()) and not may_manage(actor, place):
            first = next(iter(one.values))
            yield Problem(f"secrets.{of_mention(one)}.{first}", NOT_YOURS.format(place, one.reference))


def _make(actor: User, wanted: WantedApi, one: SecretPart) -> None:
    """In a group that is there, or a new one, whose hosts are those that were chosen, else the servers to
    which policies send its secrets.
    """
    environment = wanted.environment
    kind = next(kind for kind, fields in FIELDS.items() if set(fields) == set(one.values))
    try:
        material = shared_material(kind, one.values)
        group = environment.secret_groups.filter(name=one.group).first()
        group = group or _group(actor, wanted, one.group)
        group.environment = environment
        create_secret(actor, group, Secret.Kind.SHARED, one.name, material)
    except ValidationError as error:
        raise ValidationError(
            {_place(one, name): texts for name, texts in error.error_dict.items()}
        ) from error


def _place(one: SecretPart, name: str) -> str:
    """The field of what is wrong with it, or with its group."""
    if name == "sent_to":
        return f"sent_to.{one.group}"
    return f"secrets.{of_mention(one)}.{name if name in one.values else next(iter(one.values))}"


def _group(actor: User, wanted: WantedApi, name: str) -> SecretGroup:
    hosts = wanted.sent_to.get(name)
    servers = _servers(wanted.environment, wanted.whole, name) if hosts is None else hosts
    return create_group(actor, wanted.environment, name, sent_to=servers)


def _servers(environment: Environment, whole: Portable, group: str) -> list[str]:
    provider = filling.of(environment.pk)
    found = (sent_secrets.servers(one.policy, one.config, group, provider) for one in whole.policies)
    return list(dict.fromkeys(chain.from_iterable(found)))
