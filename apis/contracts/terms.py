"""The terms that requests for access agree to: a text of an environment, or of an API, which goes before."""

from django.db import models
from django.db.models import Q

from apis.models import ApiInstance
from console.models import Environment, User


class TermsQuerySet(models.QuerySet["Terms"]):
    def newest_of(
        self, *, api: ApiInstance | None = None, environment: Environment | None = None
    ) -> "Terms | None":
        """What was written last, which may be that there are none."""
        return self.filter(api=api, environment=environment).order_by("-version").first()


class Terms(models.Model):
    """One version of a text. It stays as it is: contracts tell which one was agreed to. An empty one says
    that there are none any more.
    """

    LONGEST = 10_000

    environment = models.ForeignKey(Environment, models.CASCADE, null=True, blank=True, related_name="terms")
    api = models.ForeignKey(ApiInstance, models.CASCADE, null=True, blank=True, related_name="terms")
    version = models.PositiveIntegerField()
    text = models.TextField(blank=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, editable=False, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TermsQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name = verbose_name_plural = "terms"
        constraints = [
            models.CheckConstraint(
                condition=Q(environment=None) ^ Q(api=None), name="terms_are_of_an_environment_or_an_api"
            ),
            models.UniqueConstraint(
                fields=["environment", "api", "version"],
                name="terms_have_a_version_once",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.version} of {self.api or self.environment}"


def terms_of(api: ApiInstance) -> Terms | None:
    """Those that a request for the API agrees to: its own, else those of its environment; None: no text."""
    for found in (
        Terms.objects.newest_of(api=api),
        Terms.objects.newest_of(environment=api.environment),
    ):
        if found and found.text:
            return found
    return None
