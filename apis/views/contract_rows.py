"""The contracts of a page's list, each with its calls of a day."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from apis.contracts.models import Application, Contract
from apis.forms.contract import ContractAction, decisions
from apis.models import ApiInstance
from apis.traffic import Traffic, by_application

TONES = {"PENDING": "warn", "APPROVED": "ok", "REJECTED": "bad", "REVOKED": "bad"}


@dataclass(frozen=True)
class ContractRow:
    contract: Contract
    traffic: Traffic | None = None

    @property
    def key(self) -> str:
        """For the id of what belongs to it on a page."""
        return str(self.contract.pk)

    @property
    def decisions(self) -> list[ContractAction]:
        return decisions(self.contract)

    @property
    def since(self) -> datetime:
        """When it came to the state that it is in."""
        contract = self.contract
        moments = {
            "APPROVED": contract.approved_at,
            "REJECTED": contract.rejected_at,
            "REVOKED": contract.revoked_at,
        }
        return moments.get(contract.status) or contract.updated_at

    @property
    def tone(self) -> str:
        return "" if self.has_ended else TONES[self.contract.status]

    @property
    def words(self) -> str:
        return "Expired" if self.has_ended else self.contract.get_status_display()

    @property
    def has_ended(self) -> bool:
        """Approved, and over: it lets nobody pass."""
        now = timezone.now()
        ends = (self.contract.expires_at, self.contract.application.expires_at)
        is_over = any(one is not None and one <= now for one in ends)
        return self.contract.status == Contract.Status.APPROVED and is_over

    @property
    def asks_for_another_tier(self) -> bool:
        contract = self.contract
        return contract.requested_tier is not None and contract.status in ("APPROVED", "REVOKED")


def rows_of_api(api: ApiInstance, page: Any) -> list[ContractRow]:
    contracts = list(_of(page).select_related("application__organization", "tier", "requested_tier"))
    for one in contracts:
        one.api = api
    calls = by_application([api.pk], {one.application_id: one.application.name for one in contracts})
    return [ContractRow(one, calls.get((api.pk, one.application_id))) for one in contracts]


def rows_of_application(application: Application, page: Any) -> list[ContractRow]:
    related = ("api__asset", "api__environment", "tier", "requested_tier")
    contracts = list(_of(page).select_related(*related))
    for one in contracts:
        one.application = application
    calls = by_application([one.api_id for one in contracts], {application.pk: application.name})
    return [ContractRow(one, calls.get((one.api_id, application.pk))) for one in contracts]


def _of(page: Any) -> QuerySet[Contract]:
    """Of few ids: those of a page are found among thousands, which need nothing of what belongs to them."""
    return Contract.objects.filter(pk__in=list(page.object_list.values_list("pk", flat=True)))
