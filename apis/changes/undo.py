"""The policy that was removed last, kept encrypted in the session for a while so that it can come back."""

import json
from typing import Any

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase

from apis.changes.policies import apply_policy
from apis.models import ApiInstance, PolicyBinding
from apis.rules.policy_config import merged
from console.models import User
from policies import catalog

SESSION_KEY = "removed_policy"
LIFETIME_SECONDS = 600


def keep(session: SessionBase, binding: PolicyBinding) -> None:
    """Remember what the removal takes away. A policy that the catalog no longer has cannot come back."""
    try:
        policy = binding.template
    except catalog.UnknownPolicy:
        session.pop(SESSION_KEY, None)
        return
    facts = {
        "api": binding.api_id,
        "title": policy.title,
        "policy": binding.policy,
        "config": merged(binding.config, binding.secrets),
        "conditions": binding.conditions,
        "label": binding.label,
        "order": binding.order,
        "is_disabled": binding.is_disabled,
        "mode": binding.mode,
        "version": binding.policy_version,
    }
    session[SESSION_KEY] = settings.KEYS.fernet.encrypt(json.dumps(facts).encode()).decode()


def title(session: SessionBase, api: ApiInstance) -> str:
    """Of what can come back to this API; empty for nothing."""
    facts = _kept(session, api)
    return facts["title"] if facts else ""


def restore(actor: User, session: SessionBase, api: ApiInstance) -> PolicyBinding:
    """Apply it again where it was. Raises LookupError when nothing is kept for this API."""
    facts = _kept(session, api)
    if facts is None:
        raise LookupError("nothing was removed from this API lately")
    binding = apply_policy(
        actor,
        api,
        facts["policy"],
        facts["config"],
        conditions=facts["conditions"],
        label=facts["label"],
        order=facts["order"],
        is_disabled=facts["is_disabled"],
        mode=facts.get("mode", PolicyBinding.Mode.ENFORCE),
        version=facts["version"],
    )
    session.pop(SESSION_KEY, None)
    return binding


def _kept(session: SessionBase, api: ApiInstance) -> dict[str, Any] | None:
    token = session.get(SESSION_KEY)
    if not token:
        return None
    try:
        facts: dict[str, Any] = json.loads(settings.KEYS.fernet.decrypt(token.encode(), ttl=LIFETIME_SECONDS))
    except InvalidToken:
        del session[SESSION_KEY]
        return None
    return facts if facts["api"] == api.pk else None
