"""Where lists have an API, which ask for the states of all at once."""

from apis.deployment.status import State
from apis.deployment.status_counts import STATES, in_state
from apis.models import ApiInstance


def states_in_lists(api: ApiInstance) -> list[State]:
    """Those by which a list finds it: one."""
    known = ApiInstance.objects.filter(pk=api.pk)
    return [one for one in STATES if known.filter(pk__in=in_state(api.environment, one))]
