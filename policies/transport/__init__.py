"""TLS in the catalog: policies in files; TLS contexts in the console, which keeps certificates."""

from dataclasses import dataclass
from pathlib import Path

from policies.policy import Category


@dataclass(frozen=True)
class Transport:
    """What the catalog's pages show of it, as of a policy."""

    name: str
    title: str
    summary: str
    version: str
    is_outbound: bool
    icon: str = "lock"
    category: Category = Category.SECURITY
    aliases: tuple[str, ...] = ()
    can_observe: bool = False
    can_be_automated: bool = False
    why_unobservable: str = "refuses nothing that could be observed"
    has_conditions: bool = False
    runs_first: bool = False

    @property
    def readme(self) -> str:
        return Path(__file__).with_name(f"{self.name}.md").read_text()


ALL = (
    Transport(
        "tls",
        "TLS",
        "Serves an API over HTTPS, and asks callers for certificates if wanted.",
        "1.0.0",
        is_outbound=False,
        aliases=("tls-inbound",),
    ),
    Transport(
        "tls-outbound",
        "TLS, outbound",
        "Says whom the gateway trusts when it calls an upstream, and as whom it calls.",
        "1.0.0",
        is_outbound=True,
    ),
)


def find(name: str) -> Transport | None:
    return next((one for one in ALL if name in (one.name, *one.aliases)), None)
