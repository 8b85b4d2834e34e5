"""Bodies that the part of pending changes of the REST interface takes and gives."""

from typing import Any

from rest_framework import serializers as s

from apis.rest.strict import StrictSerializer
from console.rest.fields import Moment


class PendingDifference(s.Serializer[Any]):
    field = s.CharField(source="label")
    kind = s.CharField(help_text="changed, added, removed, or is where there is only a value to tell.")
    before = s.CharField()
    after = s.CharField()


class PendingShape(s.Serializer[Any]):
    pending = s.BooleanField()
    since = Moment(allow_null=True)
    changedBy = s.ListField(child=s.CharField(), help_text="The people who saved what is pending.")
    differences = PendingDifference(many=True)
    yaml = s.ListField(child=s.CharField(), help_text="Lines; secrets are left out.")
    tests = s.CharField(
        help_text='Why it is not known that the tests pass on what is pending; "" where they do.'
    )
    obstacles = s.ListField(child=s.CharField(), help_text="Why the caller may not deploy it.")


class PendingDeployment(StrictSerializer):
    comment = s.CharField(
        required=False,
        allow_blank=True,
        default="",
        help_text="Kept with the deployment.",
        trim_whitespace=False,
    )
    despiteTests = s.BooleanField(
        required=False,
        default=False,
        help_text="Deploy although tests that stop deployments do not pass; administrators alone may.",
    )
