"""The teams that somebody is in by the groups of an identity provider."""

import logging

from django.core.exceptions import ValidationError
from django.db import transaction

from console.providers.models import Identity, IdentityProvider, ProvidedMembership
from console.teams import changes
from console.teams.models import Membership, Team

logger = logging.getLogger(__name__)


def put_in(identity: Identity, groups: frozenset[str]) -> None:
    """Into exactly those of these groups: out of what the provider brought before, not out of what was given
    by hand. Call it in a transaction.
    """
    wanted = _wanted(identity.provider, groups)
    for given in _given(identity):
        if wanted.pop(given.membership.team_id, None) is None:
            _take_out(given)
    for team in wanted.values():
        _put(identity, team)


def take_out(identity: Identity) -> None:
    """Of somebody who no longer comes by this provider. Call it in a transaction."""
    for given in _given(identity):
        _take_out(given)


def _given(identity: Identity) -> list[ProvidedMembership]:
    related = ("membership__team__organization", "membership__user", "identity__provider")
    return list(identity.provided_memberships.select_related(*related))


def _wanted(provider: IdentityProvider, groups: frozenset[str]) -> dict[int, Team]:
    """A team that is no longer below the provider's organization takes nobody."""
    below = provider.group_teams.filter(team__organization__path__startswith=provider.organization.path)
    found = below.select_related("team__organization")
    return {one.team_id: one.team for one in found if one.group in groups}


def _put(identity: Identity, team: Team) -> None:
    """A full team keeps nobody from the login."""
    told = f"identity provider {identity.provider}"
    try:
        with transaction.atomic():
            made = changes.add(None, team, identity.user, is_from_login=True, actor_name=told)
    except ValidationError as error:
        logger.warning("team=%s user=%s added=false reason=%s", team.pk, identity.user_id, error.messages)
        return
    if made.is_from_login:
        ProvidedMembership.objects.get_or_create(membership=made, identity=identity)


def _take_out(given: ProvidedMembership) -> None:
    """Another provider may bring it, too; and what was given by hand meanwhile stays."""
    membership: Membership = given.membership
    given.delete()
    if membership.is_from_login and not membership.provided.exists():
        changes.remove(None, membership, actor_name=f"identity provider {given.identity.provider}")
