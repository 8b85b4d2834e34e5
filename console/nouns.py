"""What the audit log calls things."""

NOUNS = {
    "apiinstance": "API",
    "application": "client application",
    "automatedpolicy": "automated policy",
    "personaltoken": "personal token",
    "policybinding": "policy",
    "policyset": "policy set",
    "connectedapp": "connected app",
    "customrole": "custom role",
    "mailserver": "mail server",
    "mutedfinding": "muted finding",
    "registrationtoken": "registration token",
    "tier": "SLA tier",
    "tlscontext": "TLS context",
}
"""Words for the audit log's object types where the model's name is not the word."""
