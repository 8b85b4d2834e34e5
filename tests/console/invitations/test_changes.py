"""Invitations made, sent again, revoked and accepted: who may, how often, and what comes of it."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.utils import timezone

from console import environment as settings_of
from console.digests import digest
from console.invitations import accepting, changes
from console.invitations.accepting import InvitationRefused
from console.invitations.changes import InvitedRole as Given
from console.invitations.models import Invitation
from console.models import AuditEntry, Environment, Role, User
from console.notices.models import Delivery, Notice
from console.once import Sending
from console.roles.models import CustomRole
from tests.factories import make_environment, make_organization, make_role, make_user

pytestmark = pytest.mark.django_db
PASSWORD = "tall-fine-oak-7"


@pytest.fixture
def mail(settings: Any) -> None:
    settings.MAIL = settings_of.Mail("127.0.0.1", 25, "none", "", "", "gateway@acme.test")


def invite(by: User, environment: Environment, **ways: Any) -> tuple[Invitation, str]:
    """The invitation, and its token."""
    given = Given(environment.organization, ways.pop("role", "viewer"), ways.pop("at", None))
    made = changes.make(by, given, **ways)
    return made.invitation, made.link.rsplit("/", 1)[-1]


def token_of(letter: Delivery) -> str:
    return str(letter.content["link"]).rsplit("/", 1)[-1]


class TestMade:
    def test_only_the_digest_of_its_256_bits_is_kept(
        self, administrator: User, environment: Environment
    ) -> None:
        made, token = invite(administrator, environment, email="vera@acme.test")

        assert len(token) == 43
        made.refresh_from_db()
        assert made.token_hash == digest(token)
        assert token not in str(AuditEntry.objects.values_list("diff", "object_name"))
        assert AuditEntry.objects.get().actor == administrator
        assert abs(made.expires_at - timezone.now() - timedelta(days=7)) < timedelta(minutes=5)

    def test_a_mail_brings_the_link_and_nobody_else_sees_it(
        self, mail: None, administrator: User, environment: Environment
    ) -> None:
        made = changes.make(
            administrator, Given(environment.organization, "manager"), email="vera@acme.test", by_mail=True
        )

        letter = Delivery.objects.get()
        assert (made.link, letter.address, letter.kind) == ("", "vera@acme.test", "people")
        assert made.invitation.token_hash == digest(token_of(letter))
        assert not Notice.objects.exists()

    def test_what_cannot_be_sent_is_refused(self, administrator: User, environment: Environment) -> None:
        for ways, field in (({"email": ""}, "email"), ({"email": "vera@acme.test"}, "way")):
            with pytest.raises(ValidationError) as refused:
                invite(administrator, environment, by_mail=True, **ways)
            assert field in refused.value.message_dict
        assert not Invitation.objects.exists()

    def test_only_administrators_invite_and_only_to_what_is_theirs(
        self, administrator: User, environment: Environment
    ) -> None:
        manager = make_user()
        make_role(manager, environment.organization, Role.Name.MANAGER)
        rival = make_environment(make_organization("Rival"))
        foreign = CustomRole.objects.create(organization=rival.organization, name="x")

        with pytest.raises(PermissionDenied):
            invite(manager, environment)
        with pytest.raises(PermissionDenied):
            invite(administrator, rival)
        for ways in ({"at": rival}, {"role": f"custom-{foreign.pk}"}, {"role": "king"}):
            with pytest.raises(ValidationError):
                invite(administrator, environment, **ways)
        assert not Invitation.objects.exists()

    def test_an_address_is_invited_once_for_the_same(
        self, administrator: User, environment: Environment
    ) -> None:
        invite(administrator, environment, email="vera@acme.test")
        invite(administrator, environment, email="vera@acme.test", role="manager")

        with pytest.raises(ValidationError, match="is invited with this role already"):
            invite(administrator, environment, email="Vera@Acme.test")

    def test_the_same_form_makes_one(self, administrator: User, environment: Environment) -> None:
        first, token = invite(administrator, environment, sending=Sending("a"))
        second, again = invite(administrator, environment, sending=Sending("a"))

        assert (first, token) == (second, again)

    def test_so_many_are_open(self, administrator: User, environment: Environment) -> None:
        rows = [
            Invitation(organization=environment.organization, role="viewer", token_hash=str(number))
            for number in range(Invitation.MOST_OPEN)
        ]
        Invitation.objects.bulk_create(rows)

        with pytest.raises(ValidationError, match="has 200 open invitations"):
            invite(administrator, environment)
        Invitation.objects.filter(token_hash="7").update(expires_at=timezone.now())
        invite(administrator, environment)

    def test_what_is_long_over_is_forgotten(self, administrator: User, environment: Environment) -> None:
        old, _ = invite(administrator, environment)
        kept, _ = invite(administrator, environment)
        Invitation.objects.filter(pk=old.pk).update(expires_at=timezone.now() - timedelta(days=91))
        Invitation.objects.filter(pk=kept.pk).update(expires_at=timezone.now() - timedelta(days=89))

        invite(administrator, environment)

        assert not Invitation.objects.filter(pk=old.pk).exists()
        assert Invitation.objects.filter(pk=kept.pk).exists()


class TestRenewed:
    def test_the_link_before_stops_working(
        self, mail: None, administrator: User, environment: Environment
    ) -> None:
        made = changes.make(
            administrator, Given(environment.organization, "viewer"), email="v@acme.test", by_mail=True
        ).invitation
        hour_ago, over = timezone.now() - timedelta(hours=1), timezone.now() - timedelta(minutes=1)
        Invitation.objects.filter(pk=made.pk).update(sent_at=hour_ago, expires_at=over)

        changes.renew(administrator, made)

        first, second = (token_of(one) for one in Delivery.objects.order_by("created_at"))
        with pytest.raises(InvitationRefused, match="Nothing belongs to this link"):
            accepting.find(first)
        assert accepting.find(second).is_open

    def test_it_is_of_whoever_renewed_it(self, administrator: User, environment: Environment) -> None:
        other = make_user()
        make_role(other, environment.organization)
        made, _ = invite(administrator, environment)
        with pytest.raises(ValidationError, match="less than a minute ago"):
            changes.renew(other, made)
        Invitation.objects.update(sent_at=timezone.now() - timedelta(hours=1))

        token = changes.renew(other, made).link.rsplit("/", 1)[-1]

        administrator.delete()
        assert accepting.find(token).inviter == other

    def test_what_was_revoked_is_not_renewed(self, administrator: User, environment: Environment) -> None:
        made, _ = invite(administrator, environment)
        changes.revoke(administrator, made)

        with pytest.raises(ValidationError, match="It is revoked"):
            changes.renew(administrator, made)


class TestAccepted:
    def test_somebody_new_has_the_role_and_the_address(
        self, administrator: User, environment: Environment
    ) -> None:
        custom = CustomRole.objects.create(
            organization=environment.organization, name="On call", permissions=["deploy:apis"]
        )
        made, token = invite(
            administrator, environment, email="v@acme.test", role=f"custom-{custom.pk}", at=environment
        )

        user = accepting.join_anew(token, "vera", PASSWORD)

        assert (user.email, user.check_password(PASSWORD)) == ("v@acme.test", True)
        role = user.roles.get()
        assert (role.custom, role.environment) == (custom, environment)
        given = AuditEntry.objects.get(object_type="role")
        assert given.actor == administrator
        made.refresh_from_db()
        assert (made.state, made.accepted_by) == ("accepted", user)
        assert Notice.objects.get().user == administrator

    def test_it_is_good_once(self, administrator: User, environment: Environment) -> None:
        made, token = invite(administrator, environment)
        accepting.join_anew(token, "vera", PASSWORD)

        with pytest.raises(InvitationRefused, match="good once"):
            accepting.join_anew(token, "mallory", PASSWORD)
        assert not User.objects.filter(username="mallory").exists()
        with pytest.raises(ValidationError, match="It was accepted"):
            changes.revoke(administrator, made)

    def test_another_address_is_confirmed_first(self, administrator: User, environment: Environment) -> None:
        _, token = invite(administrator, environment, email="vera@acme.test")
        victor = make_user("victor", email="victor@acme.test")

        with pytest.raises(ValidationError, match="The invitation is for vera@acme"):
            accepting.join(token, victor)
        assert not victor.roles.exists()
        accepting.join(token, victor, is_confirmed=True)
        assert victor.roles.get().name == "viewer"

    def test_the_same_address_needs_no_confirmation(
        self, administrator: User, environment: Environment
    ) -> None:
        _, token = invite(administrator, environment, email="vera@acme.test")
        vera = make_user("vera", email="VERA@acme.test")

        accepting.join(token, vera)

        assert vera.roles.exists()

    @pytest.mark.parametrize("how", ["late", "revoked", "deactivated", "gone", "demoted", "role", "place"])
    def test_what_is_not_good_any_more_lets_nobody_in(
        self, how: str, administrator: User, environment: Environment
    ) -> None:
        custom = CustomRole.objects.create(organization=environment.organization, name="x")
        made, token = invite(administrator, environment, role=f"custom-{custom.pk}", at=environment)
        words = {
            "late": "good for a week",
            "revoked": "taken back",
            "deactivated": "has no account any more",
            "gone": "has no account any more",
            "demoted": "may not give this role any more",
            "role": "was deleted",
            "place": "Nothing belongs to this link",
        }
        spoil = {
            "late": lambda: Invitation.objects.update(expires_at=timezone.now()),
            "revoked": lambda: changes.revoke(administrator, made),
            "deactivated": lambda: User.objects.update(is_active=False),
            "gone": administrator.delete,
            "demoted": lambda: administrator.roles.update(name="manager"),
            "role": custom.delete,
            "place": environment.delete,
        }
        spoil[how]()

        with pytest.raises(InvitationRefused, match=words[how]):
            accepting.join_anew(token, "vera", PASSWORD)
        with pytest.raises(InvitationRefused, match=words[how]):
            accepting.join(token, make_user("victor"))
        assert not User.objects.filter(username="vera").exists()
        assert not Role.objects.filter(user__username="victor").exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_tabs_one_joins() -> None:
    """Both ask at once; the second waits for the first, and finds the invitation used."""
    environment = make_environment(make_organization("Acme"))
    ada = make_user("ada")
    make_role(ada, environment.organization)
    _, token = invite(ada, environment)
    start, found = threading.Barrier(2), []

    def accept(name: str) -> None:
        start.wait(20)
        try:
            accepting.join_anew(token, name, PASSWORD)
            found.append("joined")
        except InvitationRefused as refused:
            found.append(refused.title)
        finally:
            connection.close()

    tabs = [threading.Thread(target=accept, args=(name,)) for name in ("vera", "victor")]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join(30)

    assert sorted(found) == ["Used already", "joined"]
    assert User.objects.exclude(pk=ada.pk).count() == 1
