"""A signature of RFC 9421, as a caller of the policy HMAC Signature makes it."""

import base64
import hmac
import time
from collections.abc import Mapping


def headers(method: str, path: str, key: str) -> Mapping[str, str]:
    """Of the key that is named `shop`, made now."""
    parts = f'("@method" "@path");created={int(time.time())};keyid="shop"'
    base = f'"@method": {method}\n"@path": {path}\n"@signature-params": {parts}'
    code = base64.b64encode(hmac.digest(key.encode(), base.encode(), "sha256")).decode()
    return {"signature-input": f"sig1={parts}", "signature": f"sig1=:{code}:"}
