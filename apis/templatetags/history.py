"""What pages anywhere show of audit entries: the words of `apis.deployment.told`."""

from collections.abc import Iterable

from django import template

from apis.deployment.told import Told, told
from console.models import AuditEntry

register = template.Library()


@register.simple_tag(name="told")
def told_tag(entries: Iterable[AuditEntry]) -> list[Told]:
    """`{% told page.object_list as changes %}`: each entry with its lines and links."""
    return told(entries)
