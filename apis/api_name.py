"""What an API is called, as `str` says it, told by the database where they are thousands."""

from django.db.models import CharField, Value
from django.db.models.functions import Concat

NAME = Concat("asset__name", Value(" "), "asset__api_version", Value(":"), "pk", output_field=CharField())
