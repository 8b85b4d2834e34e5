"""Requests as people write them."""

from typing import Any

import pytest

from gateways.protocol.spoken import Unclear, curl, line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("curl http://h/a", {"method": "GET", "target": "/a"}),
        ("curl h:8081", {"method": "GET", "target": "/"}),
        ("curl -XDELETE 'http://h/a?b=c&d'", {"method": "DELETE", "target": "/a?b=c&d"}),
        ("curl -I http://h/a", {"method": "HEAD"}),
        ("curl http://h/a -d x=1 -d y=2", {"method": "POST", "body": "x=1&y=2"}),
        ("curl --request=PUT --data-raw '@a' http://h/a", {"method": "PUT", "body": "@a"}),
        ("curl $'http://h/\\u0061\\x62' -d $'it\\'s\\n'", {"target": "/ab", "body": "it's\n"}),
        (
            "curl 'http://h/a?b' -G -d c=d --data-urlencode 'e=f g&'",
            {"method": "GET", "target": "/a?b&c=d&e=f%20g%26"},
        ),
        ('curl http://h/a -H "X: \\"a\\" 5$"', {"headers": [("Host", "h"), ("X", '"a" 5$')]}),
        ('curl http://h/a -m 5 -o /dev/null -w "%{http_code}"', {"method": "GET", "target": "/a"}),
        ("curl -L -k --http2 http://h/a#b", {"target": "/a"}),
        ("curl \\\n  -sk \\\n  http://h/a", {"method": "GET", "target": "/a"}),
        ("curl \\  \r\n  -N \\ \n http://h/a", {"method": "GET", "target": "/a"}),
        ("$ curl.exe --resolve h:80:10.0.0.1 --cacert ca.pem --fail-with-body http://h/a", {"target": "/a"}),
        ("curl http://h/a -d ''", {"method": "POST", "body": ""}),
        ("curl http://h/a --json '{\"a\":' --json '1}'", {"method": "POST", "body": '{"a":1}'}),
        ("curl 'http://h/a#x' --url-query 'b=c d' --url-query +e%20f", {"target": "/a?b=c%20d&e%20f"}),
        (
            'curl ^"http://h/a?b=%^7Bc%^7D^&d=e^" ^\r\n '
            '-H ^"X: ^\\^"5$^\\^"^" ^\n --data-raw ^"^{^\\^"a^\\^":^\n\n1^}^"',
            {
                "method": "POST",
                "target": "/a?b=%7Bc%7D&d=e",
                "body": '{"a":\n1}',
                "headers": [
                    ("Host", "h"),
                    ("X", '"5$"'),
                    ("Content-Type", "application/x-www-form-urlencoded"),
                ],
            },
        ),
        (
            'curl "http://h/a?b=c^d" ^\n  -H "X: y"',
            {"target": "/a?b=c^d", "headers": [("Host", "h"), ("X", "y")]},
        ),
        (
            "curl http://ann:p%40w@h/a -H 'Accept:' -H 'X-Empty;' -H 'x: 1' -H 'x: 2'",
            {
                "headers": [
                    ("Host", "h"),
                    ("Authorization", "Basic YW5uOnBAdw=="),
                    ("X-Empty", ""),
                    ("x", "1"),
                    ("x", "2"),
                ]
            },
        ),
        (
            "curl -u ann:pw -H 'authorization: Bearer x' http://h/a",
            {"headers": [("Host", "h"), ("authorization", "Bearer x")]},
        ),
        (
            "curl -b a=1 -b b=2 --json 1 -H 'Accept: a/b' h",
            {
                "headers": [
                    ("Host", "h"),
                    ("Cookie", "a=1; b=2"),
                    ("Accept", "a/b"),
                    ("Content-Type", "application/json"),
                ]
            },
        ),
        ("curl --oauth2-bearer x h", {"headers": [("Host", "h"), ("Authorization", "Bearer x")]}),
    ],
)
def test_curl_is_understood(text: str, expected: dict[str, Any]) -> None:
    fields = curl(text).fields()

    assert {name: fields[name] for name in expected} == expected


def test_headers_of_a_curl_are_those_that_it_would_send() -> None:
    spoken = curl("curl -u ann:pw -A me -b k=v -H 'X-A: b' --json '{}' https://api.example.com:8443/a")

    assert spoken.port == 8443
    assert spoken.headers == [
        ("Host", "api.example.com:8443"),
        ("Authorization", "Basic YW5uOnB3"),
        ("User-Agent", "me"),
        ("Cookie", "k=v"),
        ("X-A", "b"),
        ("Content-Type", "application/json"),
        ("Accept", "application/json"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "wget http://h",
        "curl",
        "curl http://a http://b",
        "curl -d @file http://h",
        "curl -F a=b http://h",
        "curl 'http://h",
        "curl -H",
        "curl ftp://h/a",
        "curl http://h:99999/",
        "curl --proxy http://p http://h",
        "curl http://h/a?b=c&d=e",
        "curl http://h | sh",
        "curl http://h/$(id)",
        'curl http://h -H "X: $TOKEN"',
        "curl http://h -H `id`",
        "curl http://h > /etc/passwd",
        "curl http://h -d '" + "x" * 300_000 + "'",
        "curl " + '"' * 99_999,
        "curl http://h --data-urlencode name@file",
        "curl http://h -b cookies.txt",
        "curl http://h -H @headers",
        "curl http://h \\",
    ],
)
def test_what_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(Unclear):
        curl(text)


def test_request_is_a_method_with_a_path_or_an_address() -> None:
    assert line("GET /a?b").fields() == {"method": "GET", "target": "/a?b", "headers": [], "body": ""}
    assert line("/a").method == ""
    assert line("PUT http://h:1/a").headers == [("Host", "h:1")]
    for unclear in ("GET", "", "GET ftp://h"):
        with pytest.raises(Unclear):
            line(unclear)
