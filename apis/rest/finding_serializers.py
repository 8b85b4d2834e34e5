"""Answers and bodies of REST about the findings of an API."""

from typing import Any

from rest_framework import serializers as s

from apis.lint.codes import SEVERITIES
from apis.muted_finding import MOST_REASON
from apis.rest.strict import StrictSerializer


class MutedShape(s.Serializer[Any]):
    id = s.IntegerField(source="pk")
    reason = s.CharField()
    by = s.CharField(source="by.username", allow_null=True, default=None)
    at = s.DateTimeField()


class FindingShape(s.Serializer[Any]):
    code = s.CharField(help_text="Stable; docs/linter.md lists all.")
    severity = s.ChoiceField(choices=SEVERITIES)
    message = s.CharField()
    remedy = s.CharField(help_text="What to do.")
    place = s.CharField(source="place.id", help_text="What it is about, while that stays: for muting it.")
    path = s.CharField(source="place.path", help_text="Of the console's page where it is changed.")
    muted = MutedShape(allow_null=True)


class FindingsOfApi(s.Serializer[Any]):
    apiId = s.IntegerField()
    findings = FindingShape(many=True)


class FindingsPage(s.Serializer[Any]):
    total = s.IntegerField(help_text="Of APIs.")
    limit = s.IntegerField()
    offset = s.IntegerField()
    apis = FindingsOfApi(many=True)


class MuteBody(StrictSerializer):
    code = s.CharField(max_length=60)
    place = s.CharField(max_length=80)
    reason = s.CharField(max_length=MOST_REASON)
