"""Tells people of contracts: who may decide, of what waits; who owns the application, of what was decided."""

from django.db.models import QuerySet
from django.urls import reverse

from apis.contracts import access
from apis.contracts.models import Contract
from console.models import User
from console.notices.telling import tell

KIND = "contracts"


def asked(contract: Contract) -> None:
    """Somebody asks for access, or was let in without being asked; or asks for another tier."""
    api, application, tier = contract.api, contract.application, contract.requested_tier or contract.tier
    on = f" on tier {tier}" if tier else ""
    if contract.status == Contract.Status.PENDING:
        subject, text = f"{application} asks for access to {api}", f"{application} asks to call {api}{on}."
    elif contract.requested_tier:
        subject = f"{application} asks for another tier of {api}"
        text = f"{application} would rather call {api}{on}."
    else:
        subject, text = f"{application} may call {api}", f"{application} asked to call {api}{on}, and may."
    if contract.reason:
        text += f"\n\n{contract.reason}"
    _tell(
        contract,
        access.deciding(api),
        subject,
        text,
        reverse("api_contract", args=[api.pk, contract.pk]),
    )


def decided(contract: Contract, what: str) -> None:
    """`what` says what became of it: "was approved"."""
    text = f"The contract of {contract.application} with {contract.api} {what}."
    if contract.answer:
        text += f"\n\n{contract.answer}"
    subject = f"{contract.application}: the contract with {contract.api} {what}"
    link = reverse("consumer_contract", args=[contract.pk])
    _tell(contract, access.owners_of(contract.application), subject, text, link)


def _tell(contract: Contract, users: QuerySet[User], subject: str, text: str, link: str) -> None:
    environment = contract.api.environment
    tell(
        KIND,
        organization=environment.organization,
        environment=environment,
        users=users,
        subject=subject,
        text=text,
        link=link,
    )
