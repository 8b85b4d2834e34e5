"""Who looks at a page in the usual tests, and where."""

from dataclasses import dataclass

from django.http import HttpResponse
from django.test import Client

from console.models import Environment, Role, User
from tests.factories import make_environment, make_role, make_user


@dataclass(frozen=True)
class Here:
    """Somebody with a role in an organization, who works in an environment of it."""

    user: User
    environment: Environment
    client: Client

    def get(self, path: str, **query: str) -> str:
        """The page; it answers."""
        answer = self.client.get(path, query)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        return text(answer)


def make_here(role: str = Role.Name.ADMINISTRATOR, environment: Environment | None = None) -> Here:
    environment = environment or make_environment()
    user = make_user()
    make_role(user, environment.organization, role)
    client = Client()
    client.force_login(user)
    return Here(user, environment, client)


def beside(here: Here, role: str = Role.Name.VIEWER) -> Here:
    """Somebody else at the same place."""
    return make_here(role, here.environment)


def text(answer: HttpResponse) -> str:
    return answer.content.decode()
