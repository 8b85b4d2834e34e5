"""What holds a copy of a secret, or runs with it, follows when it changes: at once, without a deployment."""

from apis.changes import bookkeeping
from apis.changes.tls_contexts import follow_stores
from apis.models import ApiInstance, TlsContext
from apis.revision import Brought
from apis.secret_groups.models import Secret
from console.models import AuditEntry


def follow(secret: Secret, entry: AuditEntry | None) -> None:
    """Call it in the change's transaction, with all gateways of the environment locked.

    Raises ValidationError where something could not run with what it holds now.
    """
    if secret.kind in (Secret.Kind.KEYSTORE, Secret.Kind.TRUSTSTORE):
        contexts = list(
            TlsContext.objects.filter(keystore=secret) | TlsContext.objects.filter(truststore=secret)
        )
        for context in contexts:
            follow_stores(context, secret)
        apis = ApiInstance.objects.filter(pk__in=_users_of(contexts))
        bookkeeping.bump_all(apis.deployed())
        if entry:
            bookkeeping.explain(Brought.objects.filter(api__in=apis), entry)


def _users_of(contexts: list[TlsContext]) -> set[int]:
    found = (ApiInstance.objects.with_tls(one).values_list("pk", flat=True) for one in contexts)
    return {pk for keys in found for pk in keys}
