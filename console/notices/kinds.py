"""What people are told about, in kinds that each can choose for: every app adds its own when it starts."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class NoticeKind:
    """`inbox` and `mail` are what people get who never chose."""

    name: str
    label: str
    about: str
    inbox: bool = True
    mail: bool = True
    is_choosable: bool = True


class UnknownKind(ValueError):
    """A mistake of ours: the kind was never added."""


_kinds: dict[str, NoticeKind] = {}


def add(*kinds: NoticeKind) -> None:
    """Once or again: one of the same name is replaced."""
    _kinds.update((kind.name, kind) for kind in kinds)


def kinds() -> Iterable[NoticeKind]:
    """In the order in which they were added."""
    return _kinds.values()


def kind(name: str) -> NoticeKind:
    if name not in _kinds:
        raise UnknownKind(f"{name}: add it by console.notices.kinds.add")
    return _kinds[name]


def label(name: str) -> str:
    """Of one that a row tells of, which may be gone by now."""
    return _kinds[name].label if name in _kinds else name.replace("_", " ").capitalize()


add(
    NoticeKind("alerts", "Alerts", "An alert began or ended, and you are among those it tells."),
    NoticeKind("contracts", "Contracts", "Access to an API was asked for, granted, refused or taken back."),
    NoticeKind("certificates", "Certificates", "A certificate, a secret or an application is about to end."),
    NoticeKind(
        "deployments",
        "Deployments",
        "A gateway refused what was deployed, or somebody waits for your review.",
    ),
    NoticeKind("people", "People", "Somebody invited you, or what you may do has changed."),
    NoticeKind(
        "security",
        "Security",
        "Your account: passwords, second factors, personal tokens, logins from elsewhere.",
    ),
    NoticeKind(
        "test",
        "Tests of mail and destinations",
        "What a button on a page sends.",
        inbox=False,
        is_choosable=False,
    ),
)
