"""Certificates made on the spot."""

from apis import certificates


def self_signed(host: str) -> dict[str, str]:
    """{"crt", "key"} as PEM for an IP address; trust it by `crt` itself."""
    crt, key = certificates.self_signed([host])
    return {"crt": crt, "key": key}
