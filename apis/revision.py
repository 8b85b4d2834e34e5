"""A revision: what an API was when it was deployed, as the documents that a gateway runs; what brought it."""

import base64
import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import TransactionNow
from django.db import models

from apis import granted
from apis.client_providers import filling
from apis.secret_groups import references
from console.fields import EncryptedJSONField
from console.models import AuditEntry, User
from console.permissions import Permission
from gateways.models import Gateway
from gateways.protocol.resources import AnyResource

Document = dict[str, Any]
"""A resource as JSON, each key there: {apiVersion, kind, metadata, spec}."""
Secrets = Mapping[str, Mapping[str, str]]
"""By the name of a policy's document: {"users.0.password": value}, as `policy_config.merged` takes them."""
Saved = Mapping[str, list[dict[str, Any]]]
"""Rows by their kind, each as JSON by its columns: `revisions.plain` makes and reads them."""
TLS_CONTEXT = "gatewright/tls-context"
"""A label of the API's document, an annotation of an upstream's: the id of the context that it names.

A context belongs to its environment. Its certificate and key are in no revision, so that an older one never
brings an expired certificate back.
"""


@dataclass(frozen=True)
class Content:
    """`documents` begin with the API's own, then come upstreams, routes and policies, without secrets.

    Of no API there are none.
    """

    documents: tuple[Document, ...]
    secrets: Secrets
    saved: Callable[[], Saved | None] = field(default=lambda: None, compare=False, repr=False)
    """The rows that it was made of, where they are known."""

    @cached_property
    def text(self) -> bytes:
        """The documents' canonical JSON: equal exactly when they are."""
        return canonical(self.documents)

    @property
    def digests(self) -> list[str]:
        """One by each of GATEWRIGHT_ENCRYPTION_KEYS, that of the newest first.

        Keyed, since a weak secret could be guessed from a plain digest of all but it.
        """
        secrets = orjson.dumps(dict(self.secrets), option=orjson.OPT_SORT_KEYS)
        whole = b"%d:%s%s" % (len(self.text), self.text, secrets)
        return [hmac.digest(key, whole, "sha256").hex() for key in _keys(settings.KEYS.encryption)]

    @property
    def address(self) -> SplitResult:
        """Where it listens: protocol, port and base path of a URL."""
        return urlsplit(str(self.documents[0]["spec"]["address"]))

    @property
    def serves_with(self) -> UUID | None:
        found = (one["metadata"]["labels"].get(TLS_CONTEXT) for one in self.documents[:1])
        return next((UUID(one) for one in found if one), None)

    @property
    def trusts_by(self) -> list[UUID]:
        found = (document["metadata"]["annotations"].get(TLS_CONTEXT) for document in self.documents)
        return [UUID(one) for one in dict.fromkeys(found) if one]

    @property
    def refers_to(self) -> list[str]:
        """Shared secrets as "group/name", and the client provider of its environment as `filling.MARK`."""
        specs = [one["spec"] for one in self.documents if one["kind"] == "PolicyBinding"]
        asks = filling.any_asks((one["policyRef"]["name"], one["config"]) for one in specs)
        return [*([filling.MARK] if asks else []), *references.keys(*(one["config"] for one in specs))]


class RevisionQuerySet(models.QuerySet["Revision"]):
    def visible_to(self, user: User) -> "RevisionQuerySet":
        return self.filter(granted.apis(user.held(), Permission.VIEW_APIS, "api__"))

    def without_text(self) -> "RevisionQuerySet":
        """Rows without documents and secrets, which may be long and take time to decrypt."""
        return self.defer("documents", "secrets", "saved")


class RevisionManager(models.Manager.from_queryset(RevisionQuerySet)):  # type: ignore[misc]
    """`saved` is read by who discards changes alone."""

    def get_queryset(self) -> RevisionQuerySet:
        return super().get_queryset().defer("saved")


class Revision(models.Model):
    """An API with all that belongs to it: written once, named by what it holds.

    Who deployed it, when and why is told by what brought it (`Brought`): it may be brought again.
    """

    # Those of an API that was deleted stay as long as it can be restored.
    api = models.ForeignKey(
        "apis.ApiInstance", models.DO_NOTHING, related_name="revisions", db_constraint=False
    )
    digest = models.CharField(
        max_length=64, help_text="Of documents and secrets, keyed: nobody can try secrets against it."
    )
    protocol = models.CharField(max_length=5, help_text="This, port and base path: as its document says.")
    port = models.PositiveIntegerField()
    base_path = models.CharField(max_length=255)
    serves_with = models.UUIDField(
        null=True, help_text="The TLS context, which is what it is when a snapshot is built."
    )
    trusts_by = ArrayField(
        models.UUIDField(), default=list, help_text="The TLS contexts of its upstreams, likewise."
    )
    refers_to = ArrayField(
        models.CharField(max_length=250),
        default=list,
        db_default=[],
        help_text='The shared secrets that its policies mention, "group/name", likewise.',
    )
    resources_count = models.PositiveIntegerField()
    documents = models.TextField(help_text="Canonical JSON, a list of resources without their secrets.")
    secrets = EncryptedJSONField(
        null=True, help_text="By the name of the resource and the path in its configuration."
    )
    saved = EncryptedJSONField(
        null=True,
        help_text="The rows that it was made of. Empty where a release before made it.",
    )

    objects = RevisionManager()

    class Meta:
        ordering = ["-pk"]
        base_manager_name = "objects"
        constraints = [
            models.UniqueConstraint(fields=["api", "digest"], name="revision_once_for_each_content")
        ]

    def __str__(self) -> str:
        return self.short_id

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("a revision is what was deployed; make another one")
        super().save(*args, **kwargs)

    @property
    def short_id(self) -> str:
        """What people call it."""
        return self.digest[:12]

    @cached_property
    def content(self) -> Content:
        secrets: Mapping[str, Mapping[str, str]] = self.secrets or {}
        return Content(tuple(orjson.loads(self.documents)), secrets)


class Brought(models.Model):
    """That an API changed with this generation of a gateway: to which revision, and the entry that tells how.

    No entry means that nothing of it changed, as when it is deployed again. `at` is the transaction's time.
    It stays for a while when the API is deleted.
    """

    api = models.ForeignKey(
        "apis.ApiInstance", models.DO_NOTHING, related_name="brought", db_constraint=False
    )
    gateway = models.ForeignKey(Gateway, models.CASCADE, related_name="+")
    generation = models.BigIntegerField()
    revision = models.ForeignKey(
        Revision, models.SET_NULL, null=True, related_name="brought", help_text="Empty: it was taken off."
    )
    replaced = models.ForeignKey(
        Revision, models.SET_NULL, null=True, related_name="+", help_text="What was to run there before."
    )
    entry = models.ForeignKey(AuditEntry, models.SET_NULL, null=True, related_name="+")
    change_set = models.ForeignKey("apis.ChangeSet", models.SET_NULL, null=True, related_name="brought")
    at = models.DateTimeField(db_default=TransactionNow())

    class Meta:
        ordering = ["-generation"]
        indexes = [
            models.Index(fields=["api", "gateway", "generation"]),
            models.Index(fields=["gateway", "generation"]),
        ]

    def __str__(self) -> str:
        return f"{self.api_id} with generation {self.generation} of {self.gateway_id}"


def document(resource: AnyResource) -> Document:
    plain: Document = resource.model_dump(mode="json", by_alias=True)
    return plain


def canonical(documents: Iterable[Document]) -> bytes:
    """Their JSON as a snapshot has it: a list, keys in order."""
    return orjson.dumps(list(documents), option=orjson.OPT_SORT_KEYS)


def name(one: Document) -> str:
    return str(one["metadata"]["name"])


@lru_cache(maxsize=4)
def _keys(encryption: tuple[str, ...]) -> list[bytes]:
    return [
        HKDF(hashes.SHA256(), 32, salt=None, info=b"gatewright revisions").derive(
            base64.urlsafe_b64decode(one)
        )
        for one in encryption
    ]
