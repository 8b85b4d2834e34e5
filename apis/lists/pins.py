"""The APIs that a user wants at hand: nobody else sees them, and no gateway is told."""

from collections.abc import Iterable
from uuid import uuid4

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import Http404

from apis.lists.models import Pinned
from apis.models import ApiInstance
from console.among import listed, numbers_in
from console.compiled import CompiledQuery
from console.models import User


def pin(user: User, api: ApiInstance) -> bool:
    """Whether it was not pinned before. Raises Http404 where the API was deleted meanwhile."""
    try:
        with transaction.atomic():
            # One at a time: of two who pin it at once, and one who unpins it between them, one would fail.
            list(User.objects.select_for_update(no_key=True).filter(pk=user.pk))
            _, is_new = Pinned.objects.get_or_create(user=user, api=api)
    except IntegrityError:
        raise Http404(f"API {api.pk} not found.") from None
    return is_new


def unpin(user: User, api: ApiInstance) -> None:
    """Nothing changes where it is not pinned."""
    Pinned.objects.filter(user=user, api=api).delete()


def pinned_by(user: User) -> QuerySet[Pinned, int]:
    """The ids of all that the user pinned, in whichever environment."""
    return Pinned.objects.filter(user=user).values_list("api", flat=True)


def pinned_of(user: User, apis: Iterable[int]) -> set[int]:
    """Those of these that the user pinned."""
    return set(_pinned_of(user=user.pk, apis=listed(apis)))


_pinned_of = CompiledQuery(
    lambda user, apis: Pinned.objects.filter(user=user, api__in=numbers_in(apis)).values_list(
        "api", flat=True
    ),
    user=uuid4(),
    apis="{0}",
)
