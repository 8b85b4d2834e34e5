"""What people keep of the list of APIs: named filters, their columns, and the APIs that they pinned."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.urls import reverse

from console.fields import LineField
from console.models import Environment, User

MOST = 50
"""Views of a user in an environment."""


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def visible_to(self, user: User) -> "SavedViewQuerySet":
        """The user's own, and what others share, in environments that the user may see."""
        mine = Q(user=user) | Q(is_shared=True)
        return self.filter(mine, environment__in=Environment.objects.known_to(user))


class SavedView(models.Model):
    """A search of an environment's APIs under a name. `query` is the list's address, from its ? on."""

    LONGEST_QUERY = 2000

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="+")
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    name = LineField(max_length=80)
    query = models.CharField(max_length=LONGEST_QUERY, blank=True)
    is_shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["environment", "user", "name"], name="view_name_is_unique")
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        sign = "&" if self.query else ""
        return f"{reverse('apis')}?{self.query}{sign}view={self.pk}"


class Pinned(models.Model):
    """An API that the user wants at hand."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    api = models.ForeignKey("apis.ApiInstance", models.CASCADE, related_name="+")

    class Meta:
        verbose_name_plural = "pinned"
        constraints = [models.UniqueConstraint(fields=["user", "api"], name="api_is_pinned_once")]

    def __str__(self) -> str:
        return str(self.api)


class ChosenColumns(models.Model):
    """The columns that a user has chosen for the list of APIs."""

    user = models.OneToOneField(User, models.CASCADE, related_name="+")
    columns = ArrayField(models.CharField(max_length=20), default=list, blank=True)

    class Meta:
        verbose_name_plural = "chosen columns"

    def __str__(self) -> str:
        return ", ".join(self.columns)
