"""What gateways say of APIs, in the words of people: gateways know an API by the name of its resource."""

from collections.abc import Iterable

from apis import resource_names
from apis.models import ApiInstance

Names = dict[int, str]
"""Of APIs, by id."""


def names_in(reasons: Iterable[str]) -> Names:
    """Those of the APIs that the reasons mention: in one query, or none."""
    mentioned = {pk for one in reasons for pk in resource_names.apis_in(one)}
    if not mentioned:
        return {}
    return {api.pk: str(api) for api in ApiInstance.objects.filter(pk__in=mentioned).select_related("asset")}


def said(reason: str, names: Names) -> str:
    """The reason, in which each of these APIs is called by its name."""
    return resource_names.renamed(reason, names)
