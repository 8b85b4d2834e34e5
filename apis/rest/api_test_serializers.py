"""Answers of REST about the tests of an API."""

from typing import Any

from rest_framework import serializers as s

from apis.api_test import ApiTest, ApiTestRun


class DifferenceShape(s.Serializer[Any]):
    what = s.CharField()
    expected = s.CharField()
    came = s.CharField()
    step = s.IntegerField(help_text="Which of several requests, counted from 1; 0 where there is one.")


class ResultShape(s.Serializer[Any]):
    outcome = s.CharField(required=False)
    reason = s.CharField(required=False)
    fault = s.CharField(required=False, help_text="Why it could not be run.")
    differences = DifferenceShape(many=True, required=False)


class TestSummary(s.Serializer[Any]):
    id = s.IntegerField(source="pk")
    name = s.CharField()
    state = s.ChoiceField(choices=ApiTest.State.choices)
    ranAt = s.DateTimeField(source="ran_at", allow_null=True)
    result = ResultShape()

    def to_representation(self, instance: ApiTest) -> dict[str, Any]:
        """`is_reader` in the context: without the values that differ."""
        made: dict[str, Any] = super().to_representation(instance)
        if self.context.get("is_reader"):
            for one in made["result"].get("differences", ()):
                one["expected"] = one["came"] = ""
        return made


class TestShape(TestSummary):
    case = s.DictField(help_text="As its YAML says it: name, request, expect.")


class TestRunShape(s.Serializer[Any]):
    state = s.ChoiceField(choices=ApiTestRun.State.choices)
    total = s.IntegerField()
    done = s.IntegerField()
    askedAt = s.DateTimeField(source="asked_at")
    endedAt = s.DateTimeField(source="ended_at", allow_null=True)
    fault = s.CharField(source="told", help_text="Why it is not whole.")
