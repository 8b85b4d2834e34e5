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


class CalledShape(s.Serializer[Any]):
    method = s.CharField()
    path = s.CharField(help_text="Of what is not documented: as counted, ids replaced.")
    requests = s.IntegerField(source="calls.requests")
    clientErrors = s.IntegerField(source="calls.client_errors")
    serverErrors = s.IntegerField(source="calls.server_errors")
    p95Ms = s.FloatField(source="calls.p95_ms", allow_null=True)


class DocumentTrafficShape(s.Serializer[Any]):
    operations = CalledShape(many=True)
    undocumented = CalledShape(many=True)
    preflights = s.IntegerField(source="calls.preflights")
    notToldApart = s.IntegerField(source="calls.other")
    requests = s.IntegerField(source="calls.requests")
    isCut = s.BooleanField(
        source="calls.is_cut", help_text="Whether there were more paths than the 1,000 most called."
    )
