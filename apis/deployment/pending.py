"""What is saved of an API and not deployed: the difference between what is to run and what its rows say."""

from collections.abc import Iterable

from apis.deployment.diff import Difference, between
from apis.models import ApiInstance
from apis.revision import Revision
from apis.revisions import rows


def pending(api: ApiInstance) -> Difference:
    """Empty, and so false, where nothing waits: nothing does of an API that is not deployed.

    Whether a gateway runs yet what it is to run is another question, which `status` answers.
    """
    if not api.is_deployed or api.revision is None:
        return between(None, None)
    return between(api.revision.content, rows.content_of(api))


def pending_of(apis: Iterable[ApiInstance]) -> set[int]:
    """The ids of those of which something waits, in as many queries however many there are."""
    wanted = {api.pk: api.revision_id for api in apis if api.is_deployed and api.revision_id}
    contents = rows.contents(wanted)
    revisions = Revision.objects.filter(pk__in=wanted.values()).order_by()
    return {one.api_id for one in revisions if one.api_id in contents and one.content != contents[one.api_id]}
