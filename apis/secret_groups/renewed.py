"""Keystores that are renewed by themselves: by the environment's private CA, or from an ACME CA."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from apis.secret_groups.acme import AcmeSource
from apis.secret_groups.authority import Issued


def later(environments: Collection[UUID], at: datetime) -> set[UUID]:
    """Those whose turn is still to come: that they end some day is nobody's to see to."""
    issued = Issued.objects.filter(authority__environment__in=environments).exclude(keystore=None)
    obtained = AcmeSource.objects.filter(
        environment__in=environments, state=AcmeSource.State.VALID, next_try_at__gt=at
    )
    known = issued.only("keystore", "expires_at", "days")
    own = {one.keystore_id for one in known if one.keystore_id and one.renews_at > at}
    return own | set(obtained.exclude(keystore=None).values_list("keystore", flat=True))
