"""Tells people of contracts: who may decide, of what waits; who owns the application, of what was decided."""

from django.db.models import Q, QuerySet
from django.urls import reverse

from apis.contracts.models import Contract
from console.models import Environment, Role, User
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
        deciding(api.environment),
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
    _tell(contract, contract.application.owners.all(), subject, text, link)


def deciding(environment: Environment) -> QuerySet[User]:
    """Who manages contracts of the environment's APIs."""
    above = [part for part in environment.organization.path.split("/") if part]
    holding = Q(organization__in=above, environment=None) | Q(environment=environment)
    roles = Role.objects.filter(holding, name__in=Role.EDITORS)
    return User.objects.filter(pk__in=roles.values("user"), is_active=True)


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
