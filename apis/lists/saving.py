"""Keeps searches of an environment's APIs under names."""

from urllib.parse import parse_qsl

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet

from apis.lists.models import MOST, SavedView
from apis.lists.search import Search
from console.models import Environment, User
from console.permissions import Permission

LONGEST_NAME = 80


def searched(query: str) -> Search:
    """What an address asks for, from its ? on; what cannot be read is passed over."""
    return Search.of(dict(parse_qsl(query[: SavedView.LONGEST_QUERY], max_num_fields=100)))


def views_of(user: User, environment: Environment) -> QuerySet[SavedView]:
    """The user's own first."""
    found = SavedView.objects.visible_to(user).filter(environment=environment).select_related("user")
    is_own = ExpressionWrapper(Q(user=user), output_field=BooleanField())
    return found.order_by(is_own.desc(), "name", "pk")


@transaction.atomic
def save_view(
    user: User, environment: Environment, name: str, search: Search, *, is_shared: bool
) -> SavedView:
    environment.lock()
    mine = SavedView.objects.filter(user=user, environment=environment)
    if mine.count() >= MOST:
        raise ValidationError({"name": [f"You have {MOST} views here; delete one first."]})
    view = SavedView(user=user, environment=environment, query=_query(search))
    return _named(view, name, is_shared=is_shared)


@transaction.atomic
def edit_view(user: User, view: SavedView, name: str, *, is_shared: bool) -> SavedView:
    view.environment.lock()
    _check_mine(user, view)
    return _named(view, name, is_shared=is_shared)


def replace_search(user: User, view: SavedView, search: Search) -> None:
    """The view is of this search from now on, for all who see it. Raises ValidationError."""
    _check_mine(user, view)
    view.query = _query(search)
    view.save(update_fields=["query"])


def delete_view(user: User, view: SavedView) -> None:
    """One's own; a shared one also by an administrator of the environment."""
    if view.user_id != user.pk and not view.environment.permits(user, Permission.ADMINISTER_ENVIRONMENT):
        raise PermissionDenied(f"Only {view.user} or an administrator may delete this view.")
    view.delete()


def may_share(user: User, environment: Environment) -> bool:
    return environment.permits(user, Permission.MANAGE_APIS)


def _check_mine(user: User, view: SavedView) -> None:
    if view.user_id != user.pk:
        raise PermissionDenied(f"Only {view.user} may change this view; save one of your own.")


def _query(search: Search) -> str:
    """Raises ValidationError where it is longer than can be kept."""
    if len(search.query) > SavedView.LONGEST_QUERY:
        raise ValidationError({"search": ["It asks for too much to be kept; write less of it."]})
    return search.query


def _named(view: SavedView, name: str, *, is_shared: bool) -> SavedView:
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME:
        raise ValidationError({"name": [f"Give the view a name of 1 to {LONGEST_NAME} characters."]})
    same = SavedView.objects.filter(user=view.user, environment=view.environment, name=name)
    if same.exclude(pk=view.pk).exists():
        raise ValidationError({"name": [f'You have a view "{name}" here already; choose another name.']})
    if is_shared and not view.is_shared and not may_share(view.user, view.environment):
        raise ValidationError(
            {"is_shared": ["Only managers and administrators share views; keep it for yourself."]}
        )
    view.name, view.is_shared = name, is_shared
    view.save()
    return view
