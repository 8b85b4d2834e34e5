"""Where replicas meet: by URL, and by the fields of a Configuration."""

import pytest

from gateways.agent.sources.files import load_text
from gateways.agent.translate.apis import translate
from gateways.protocol.shared_storage import SharedStorage, Tls, of_url

DOCUMENT = """
apiVersion: gatewright.dev/v1alpha1
kind: Configuration
metadata: {name: storage}
spec: {sharedStorage: %s}
"""


@pytest.mark.parametrize(
    ("url", "storage"),
    [
        ("redis://cache", SharedStorage("cache")),
        ("redis://ann:p%40ss@cache:6380/3", SharedStorage("cache", 6380, "ann", "p@ss", 3)),
        ("rediss://:secret@[::1]:1", SharedStorage("::1", 1, "", "secret", 0, Tls())),
    ],
)
def test_urls(url: str, storage: SharedStorage) -> None:
    assert of_url(url) == storage
    assert "secret" not in repr(storage)


@pytest.mark.parametrize(
    "url",
    [
        "cache:6379",
        "http://cache",
        "redis://",
        "redis://cache/x",
        "redis://cache:x",
        "redis://c?db=1",
        "redis://c/٣",
    ],
)
def test_what_is_no_url_of_a_storage(url: str) -> None:
    with pytest.raises(ValueError, match="is not redis://"):
        of_url(url)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            "{redis: {address: cache}}",
            'redis.address: "cache" is not host:port, such as redis.example.com:6379',
        ),
        ("{redis: {address: 'a@cache:1'}}", "is not host:port"),
        ("{redis: {address: 'cache:1', db: -1}}", "redis.db"),
        ("{redis: {sentinel: {masterName: a}}}", "redis"),
        ("{objectStore: {url: 'distributed://0.0.0.0:30001'}}", "is not supported; replicas share a Redis"),
        ("{}", "give redis, or local"),
        ("{redis: {address: 'cache:1', tls: {trustedCA: x}}}", "is not a PEM certificate"),
        ("{redis: {address: 'cache:1', sealingKey: too short}}", "is no key of 32 to 1000 random characters"),
        (f"{{redis: {{address: 'cache:1', sealingKey: {'ab' * 32}}}}}", "is no key of 32 to 1000 random"),
    ],
)
def test_what_cannot_act_is_refused_where_it_stands(value: str, said: str) -> None:
    found = translate(load_text(DOCUMENT % value).resources)

    assert found.gateway.shared_storage is None
    assert [said in str(one) for one in found.faults if not one.is_warning][:1] == [True], found.faults


def test_the_fields_of_flex_gateway() -> None:
    redis = "address: '[::1]:6380', username: ann, password: secret, DB: 2, tls: {skipValidation: true}"
    value = f"{{redis: {{{redis}}}}}"

    found = translate(load_text(DOCUMENT % value).resources)

    expected = SharedStorage("::1", 6380, "ann", "secret", 2, Tls(skips_validation=True))
    assert (found.gateway.shared_storage, found.faults) == (expected, ())


def test_a_storage_of_each_replica_is_none() -> None:
    found = translate(load_text(DOCUMENT % "{local: {enabled: true}}").resources)

    assert (found.gateway.shared_storage, list(found.faults)) == (None, [])


API = """
---
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: a}
spec:
  address: http://127.0.0.1:8081/a
  policies: [{policyRef: {name: http-caching}, config: {distributed: %s}}]
"""
KEY = "0123456789abcdefghijklmnopqrstuv"


@pytest.mark.parametrize(
    ("key", "is_distributed", "is_warned"), [("", "true", True), ("", "false", False), (KEY, "true", False)]
)
def test_what_seals_answers(key: str, is_distributed: str, is_warned: bool) -> None:
    redis = f"{{redis: {{address: 'cache:1'{f', sealingKey: {key}' if key else ''}}}}}"

    found = translate(load_text(DOCUMENT % redis + API % is_distributed).resources)

    storage = found.gateway.shared_storage
    assert storage and storage.sealing_key == key.encode() and KEY not in repr(storage)
    assert ["has no sealingKey" in str(one) for one in found.faults if "sealing" in str(one)] == [
        True
    ] * is_warned
