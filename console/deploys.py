"""How changes that are saved of deployed APIs reach their gateways: a setting of each environment."""

from django.core.exceptions import ValidationError
from django.db import models

NO_REVIEW = "Tests are run in a review: choose a review above, or let failing tests stop nothing."


class Deploying(models.Model):
    """The setting's part of an environment."""

    class Deploys(models.TextChoices):
        ON_SAVE = "on-save", "On save"
        REVIEW = "review", "After a review"
        SECOND_PERSON = "second-person", "After a review by a second person"

    deploys = models.CharField(
        "saved changes are deployed",
        max_length=13,
        choices=Deploys,
        default=Deploys.ON_SAVE,
        db_default=Deploys.ON_SAVE,
        help_text="How changes of a deployed API reach its gateway.",
    )
    failing_tests_stop = models.BooleanField(
        "failing tests stop a deployment",
        default=False,
        db_default=False,
        help_text="Of the API that is reviewed: each must pass on what is about to be deployed.",
    )

    class Meta:
        abstract = True

    def clean(self) -> None:
        if self.failing_tests_stop and self.deploys_on_save:
            raise ValidationError({"failing_tests_stop": NO_REVIEW})

    @property
    def deploys_on_save(self) -> bool:
        return self.deploys == self.Deploys.ON_SAVE

    @property
    def needs_second_person(self) -> bool:
        """Whether nobody may deploy what they changed themselves."""
        return self.deploys == self.Deploys.SECOND_PERSON
