"""Bodies and answers of REST about OpenAPI documents."""

from typing import Any

from rest_framework import serializers as s

from apis.documents.specification import Specification


class DocumentShape(s.Serializer[Any]):
    id = s.UUIDField()
    name = s.CharField()
    size = s.IntegerField(help_text="In bytes.")
    state = s.ChoiceField(choices=Specification.State.choices)
    fault = s.CharField(help_text="Why it is refused.")
    line = s.IntegerField(allow_null=True)
    column = s.IntegerField(allow_null=True)
    title = s.CharField()
    version = s.CharField(help_text="Of the API.")
    openapi = s.CharField(help_text="The version of the format.")
    servers = s.ListField(child=s.DictField())
    remarks = s.ListField(child=s.CharField())
    operationCount = s.IntegerField(source="operation_count")


class DocumentChoice(s.Serializer[Any]):
    id = s.UUIDField(help_text="Of a document that was uploaded and accepted.")
