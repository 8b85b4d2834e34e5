"""What pages anywhere show of audit entries: the words of `apis.deployment.shown_entries`."""

from collections.abc import Iterable

from django import template

from apis.deployment.shown_entries import ShownEntry, as_shown
from console.models import AuditEntry

register = template.Library()


@register.simple_tag(name="shown_entries")
def shown_entries(entries: Iterable[AuditEntry]) -> list[ShownEntry]:
    """`{% shown_entries page.object_list as changes %}`: each entry with its lines and links."""
    return as_shown(entries)
