"""What a verdict keeps to itself."""

import base64
import json
from urllib.parse import quote, urlencode

from pydantic import SecretStr

from gateways.agent.rehearsal.veil import Veil
from gateways.agent.translate import ir
from gateways.protocol.rehearsal import Request, Sent, Verdict
from policies.policy import PolicyConfig


class Config(PolicyConfig):
    user: str
    password: SecretStr


def veil(secret: str) -> Veil:
    use = ir.PolicyUse("outbound", "default/outbound", Config(user="ann", password=SecretStr(secret)))
    return Veil([ir.Api("default", "orders", ir.Listener(8081, "0.0.0.0"), "", (), (use,))])


def sent(**fields: object) -> Verdict:
    whole = {"upstream": "a:80", "method": "GET", "target": "/", **fields}
    return Verdict(outcome="upstream", reason="", sent=Sent.model_validate(whole))


def test_secrets_of_policies_are_hidden_wherever_they_went() -> None:
    encoded = base64.b64encode(b"ann:s3cret-of-ann").decode()
    headers = (("authorization", f"Basic {encoded}"), ("x-key", "is s3cret-of-ann!"), ("x-user", "ann"))

    shown = veil("s3cret-of-ann").over(
        sent(headers=headers, body="p=s3cret-of-ann", target="/?k=s3cret-of-ann"), Request(target="/")
    )

    assert shown.sent is not None
    assert dict(shown.sent.headers) == {
        "authorization": "Basic ••••••",
        "x-key": "is ••••••!",
        "x-user": "ann",
    }
    assert (shown.sent.body, shown.sent.target) == ("p=••••••", "/?k=••••••")


def test_what_the_request_brought_itself_is_shown() -> None:
    header = ("authorization", f"Basic {base64.b64encode(b'ann:s3cret-of-ann').decode()}")

    shown = veil("s3cret-of-ann").over(sent(headers=(header,)), Request(target="/", headers=(header,)))

    assert shown.sent is not None
    assert shown.sent.headers == (header,)


def test_secrets_are_hidden_as_forms_addresses_and_json_spell_them() -> None:
    secret = 'p@ss w"rd&more'
    told = {"f": secret}
    body = f"client_secret={urlencode(told)[2:]} {json.dumps(told)}"

    shown = veil(secret).over(sent(body=body, target=f"/{quote(secret, safe='')}"), Request(target="/"))

    assert shown.sent is not None
    assert shown.sent.body == 'client_secret=•••••• {"f": "••••••"}'
    assert shown.sent.target == "/••••••"
