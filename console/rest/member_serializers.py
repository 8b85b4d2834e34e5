"""What is asked for the people of an organization, and the answer."""

from typing import Any

from rest_framework import serializers as s

from console.rest.fields import Limit, Offset

MOST = 1000


class MembersQuery(s.Serializer[Any]):
    """Clients that look for somebody name no limit, and want all."""

    search = s.CharField(
        required=False, allow_blank=True, max_length=255, help_text="A part of a name or of the address."
    )
    limit = Limit(MOST)
    offset = Offset()


class PersonShape(s.Serializer[Any]):
    id = s.UUIDField()
    username = s.CharField()
    email = s.CharField()
    firstName = s.CharField(source="first_name")
    lastName = s.CharField(source="last_name")
    enabled = s.BooleanField(source="is_active")


class MembersAnswer(s.Serializer[Any]):
    data = PersonShape(many=True)
    total = s.IntegerField(help_text="Of all that are found, on other pages, too.")
