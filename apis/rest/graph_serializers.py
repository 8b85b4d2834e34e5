"""Bodies of the GraphQL address."""

from typing import Any

from rest_framework import serializers as s

LONGEST_QUERY = 10_000


class GraphQuery(s.Serializer[Any]):
    query = s.CharField(max_length=LONGEST_QUERY)
    variables = s.DictField(required=False, allow_null=True)
    operationName = s.CharField(required=False, allow_null=True, allow_blank=True)


class GraphAnswer(s.Serializer[Any]):
    data = s.DictField(allow_null=True)
    errors = s.ListField(child=s.DictField(), required=False)
