"""What a client application may say of itself, and whom it may name as its owners."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone

from apis.contracts import access
from apis.contracts.models import Application
from apis.rules.problem import Problem
from console.models import User
from console.teams.models import Team

LONGEST_NAME, LONGEST_URL, LONGEST_DESCRIPTION = 255, 1024, 10_000
MOST_OWNERS, MOST_TEAMS, MOST_REDIRECTS = Application.MOST_OWNERS, 10, 50
GRANT_TYPES = {
    "authorization_code": "Authorization code",
    "client_credentials": "Client credentials",
    "implicit": "Implicit",
    "password": "Password",
    "refresh_token": "Refresh token",
}
_BAD = re.compile(r"[\x00-\x1f\x7f\s]")


def problems(
    actor: User, application: Application, given: Mapping[str, Any], now: Mapping[str, Any]
) -> Iterator[Problem]:
    """Of what is `given` of it, where it has `now` something else."""
    if "name" in given:
        yield from _name(application, given["name"])
    if len(given.get("description", "")) > LONGEST_DESCRIPTION:
        yield Problem("description", f"The description is longer than {LONGEST_DESCRIPTION:,} characters.")
    if "\0" in given.get("description", ""):
        yield Problem("description", "The description has a character that is none.")
    if url := given.get("url", ""):
        yield from _url(url)
    yield from _redirects(given.get("redirect_uris", ()))
    for kind in given.get("grant_types", ()):
        if kind not in GRANT_TYPES:
            known = ", ".join(GRANT_TYPES)
            yield Problem("grant_types", f'"{kind[:40]}" is no grant type; choose of {known}.')
    if "owners" in given:
        yield from _owners(actor, application, given["owners"])
    if "teams" in given:
        yield from _teams(actor, application, given["teams"])
    ends = given.get("expires_at")
    if ends is not None and ends != now.get("expires_at") and ends <= timezone.now():
        yield Problem("expires_at", "That is over already; choose a moment to come, or none.")


def _name(application: Application, name: str) -> Iterator[Problem]:
    if not name:
        yield Problem("name", "Give the application a name.")
    elif len(name) > LONGEST_NAME:
        yield Problem("name", f"The name is longer than {LONGEST_NAME} characters.")
    elif not name.isprintable():
        yield Problem("name", "The name has characters that cannot be shown; write it in one line.")
    else:
        same = Application.objects.filter(organization=application.organization, name=name)
        if same.exclude(pk=application.pk).exists():
            message = f'{application.organization} has an application "{name}" already; choose another name.'
            yield Problem("name", message, code="conflict")


def _url(url: str) -> Iterator[Problem]:
    if len(url) > LONGEST_URL:
        yield Problem("url", f"The URL is longer than {LONGEST_URL} characters.")
    elif not _is_address(url, ("http", "https")):
        yield Problem("url", f'"{url[:80]}" is no URL; write https://HOST/PATH.')


def _redirects(given: Sequence[str]) -> Iterator[Problem]:
    """Absolute and without a fragment, as RFC 6749 says; an app's own scheme is fine."""
    if len(given) > MOST_REDIRECTS:
        yield Problem("redirect_uris", f"{len(given)} redirect URIs; at most {MOST_REDIRECTS} are allowed.")
    for uri in given[:MOST_REDIRECTS]:
        if len(uri) > LONGEST_URL:
            yield Problem("redirect_uris", f"A redirect URI is longer than {LONGEST_URL} characters.")
        elif "#" in uri or not _is_address(uri):
            message = f'"{uri[:80]}" cannot be redirected to; write https://HOST/PATH, without a fragment.'
            yield Problem("redirect_uris", message)


def _is_address(text: str, schemes: Sequence[str] = ()) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    if _BAD.search(text) or not parts.scheme or parts.scheme in ("javascript", "data", "vbscript"):
        return False
    is_web = parts.scheme in ("http", "https")
    return (not schemes or parts.scheme in schemes) and bool(parts.hostname or not is_web)


def _owners(actor: User, application: Application, given: Iterable[User]) -> Iterator[Problem]:
    wanted = {user.pk for user in given}
    if len(wanted) > MOST_OWNERS:
        yield Problem("owners", f"{len(wanted)} owners; an application has at most {MOST_OWNERS}.")
        return
    known = set(access.may_own(application.organization).filter(pk__in=wanted).values_list("pk", flat=True))
    if application.pk:
        known |= set(application.owners.values_list("pk", flat=True))
    strangers = [user for user in given if user.pk not in known | {actor.pk}]
    if strangers:
        yield Problem("owners", no_user(user.pk for user in strangers))


def _teams(actor: User, application: Application, given: Sequence[Team]) -> Iterator[Problem]:
    """Those that the actor may name, and those that own it already."""
    if len(given) > MOST_TEAMS:
        yield Problem("teams", f"{len(given)} teams; at most {MOST_TEAMS} own an application.")
        return
    named = access.teams_to_name(actor, application.organization)
    known = set(named.filter(pk__in=[one.pk for one in given]).values_list("pk", flat=True))
    if application.pk:
        known |= set(application.teams.values_list("pk", flat=True))
    strangers = [team.pk for team in given if team.pk not in known]
    if strangers:
        yield Problem("teams", no_team(strangers))


def no_user(ids: Iterable[object]) -> str:
    """The same for nobody and for somebody elsewhere, whose name is nobody's business here."""
    return f"There is no user {', '.join(sorted(map(str, ids)))} whom you may name."


def no_team(ids: Iterable[int]) -> str:
    return f"There is no team {min(ids)} that you may name."
