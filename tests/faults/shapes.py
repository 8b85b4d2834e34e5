"""Requests that two servers may read as different ones; each hides HIDDEN, which nobody is to see."""

from tests.faults import http2
from tests.faults.http2 import CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, frame

HIDDEN = b"GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n"
ENDS_EARLY = b"0\r\n\r\n" + HIDDEN
"""For who reads chunks, HIDDEN is the next request; for who counts, it is the body."""
GOES_ON = b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)
"""For who reads chunks, HIDDEN is the body; for who counts the first four bytes, a request."""

CODINGS = [
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding : chunked",
    b" Transfer-Encoding: chunked",
    b"Transfer-Encoding:\tchunked",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: cHuNkEd",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: identity, chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
    b"Transfer-Encoding: \x0bchunked",
    b"Transfer-Encoding: chunked\x0b",
    b"Transfer-Encoding:\0chunked",
    b"Transfer-Encoding: chunked\0",
    b'Transfer-Encoding: "chunked"',
    b"Transfer-Encoding: chunked;a=b",
    b"Transfer-Encoding:",
    b"Transfer-Encoding:\r\n chunked",
    b"Transfer-Encoding\r\n : chunked",
    b"x: y\r\n Transfer-Encoding: chunked",
    b"x: y\nTransfer-Encoding: chunked",
    b"x: y\rTransfer-Encoding: chunked",
    b"x: y\r\n\rTransfer-Encoding: chunked",
    b"Transfer\0-Encoding: chunked",
    b"\0Transfer-Encoding: chunked",
    b"\xefTransfer-Encoding: chunked",
]
LENGTHS = [
    b"0\r\nContent-Length: N",
    b"N\r\nContent-Length: 0",
    b"N\r\nContent-Length: N",
    b"0, N",
    b"N, N",
    b"+N",
    b"-N",
    b"-1",
    b"0N",
    b"0xN",
    b"N 0",
    b"0\tN",
    b"N\x0b",
    b"N\0",
    b"Ne0",
    b"",
    b"18446744073709551616",
    b"\r\n N",
    b"0\r\n N",
    b"0\rContent-Length: N",
    b"0\r\nContent-Length : N",
    b"0\r\nContent-Length\t: N",
    b"0\r\n Content-Length: N",
]
CHUNKS = [
    b"2;\nxx\r\n1f\r\n0\r\n\r\n",
    b"0x0\r\n\r\n",
    b"-0\r\n\r\n",
    b"+0\r\n\r\n",
    b" 0\r\n\r\n",
    b"0\n\n",
    b"0\r\r\n\r\n",
    b"\r\n0\r\n\r\n",
    b"1\r\naX0\r\n\r\n",
    b"1\r\nab0\r\n\r\n",
    b"1\na\n0\n\n",
    b"f0000000000000000\r\n",
    b"10000000000000000\r\n\r\n",
    b"g\r\n\r\n",
    b"0;a=\rb\r\n\r\n",
    b'1;a="\r\nb\r\n0\r\n\r\n',
]
TRAILERS = [
    b"content-length: 5",
    b"transfer-encoding: chunked",
    b"host: y",
    b"x : y",
    b" x: y",
    b"x: y\nz: z",
    b"GET /smuggled HTTP/1.1",
]
LINES = [
    b"GET /a HTTP/1.1\r\nhost: x\r\nx: y\n\nGET /smuggled HTTP/1.1\r\n\r\n",
    b"GET /a HTTP/1.1\rhost: x\r\r" + HIDDEN,
    b"GET /a HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n",
    b"GET /a HTTP/1.1\r\nhost: x\r\n\0\r\n" + HIDDEN,
    b"GET /a HTTP/1.1\r\nhost: x\r\n: y\r\n\r\n",
    b"GET /a HTTP/1.1\r\nhost: x\r\na b: y\r\n\r\n",
    b"GET /a HTTP/1.1\r\n x: y\r\nhost: x\r\n\r\n",
    b"GET /a HTTP/1.1\r\nhost: x y\r\n\r\n",
    b"GET /a HTTP/1.1\r\nhost:\r\n\r\n",
    b"GET /a\rHTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET /a HTTP/1.1 HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET /a /smuggled HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET /a\x0bHTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET /a HTTP/1.10\r\nhost: x\r\n\r\n",
    b"GET /a HTTP/2.0\r\nhost: x\r\n\r\n",
    b"GET\0 /a HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET /a\0 HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET http://y\\@x/a HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET http://y/smuggled HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET /a\r\n" + HIDDEN,
    b"GET /a HTTP/1.1\nhost: x\ncontent-length: %d\n\n%b" % (len(HIDDEN), HIDDEN),
    b"POST /a HTTP/1.1\r\nhost: x\r\nexpect: y 100-continue\r\ncontent-length: %d\r\n\r\n%b"
    % (len(HIDDEN), HIDDEN),
    b"CONNECT /a HTTP/1.1\r\nhost: x\r\n\r\n" + HIDDEN,
    b"CONNECT x:80 HTTP/1.1\r\nhost: x:80\r\n\r\n" + HIDDEN,
    b"POST /a HTTP/1.0\r\nhost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + ENDS_EARLY,
    b"GET /a HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(HIDDEN), HIDDEN),
    b"HEAD /a HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(HIDDEN), HIDDEN),
    b"POST /a HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: %d\r\n\r\n%b"
    % (len(HIDDEN), HIDDEN),
    b"GET /a HTTP/1.1\r\nhost: x\r\nconnection: content-length\r\ncontent-length: %d\r\n\r\n%b"
    % (len(HIDDEN), HIDDEN),
    b"POST /a HTTP/1.1\r\nhost: x\r\nconnection: transfer-encoding\r\ntransfer-encoding: chunked\r\n\r\n"
    + GOES_ON,
    b"GET /a HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n" + HIDDEN,
    b"GET /a HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\ncontent-length: %d\r\n\r\n%b"
    % (len(HIDDEN), HIDDEN),
    b"GET /a HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: smuggle\r\ncontent-length: %d\r\n\r\n%b"
    % (len(HIDDEN), HIDDEN),
    b"GET /a HTTP/1.1\r\nhost: x\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\n"
    b"http2-settings: AAMAAABkAAQAAP__\r\ncontent-length: %d\r\n\r\n%b" % (len(HIDDEN), HIDDEN),
]

POST: http2.Fields = [
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":path", b"/a"),
    (b":authority", b"x"),
]
EXTRA_FIELDS: list[http2.Fields] = [
    [(b"transfer-encoding", b"chunked")],
    [(b"transfer-encoding", b"identity")],
    [(b"Transfer-Encoding", b"chunked")],
    [(b"transfer-encoding ", b"chunked")],
    [(b"transfer-encoding", b"chunked"), (b"content-length", b"5")],
    [(b"content-length", b"0")],
    [(b"content-length", b"5")],
    [(b"content-length", b"9999")],
    [(b"content-length", b"0"), (b"content-length", b"%d" % len(HIDDEN))],
    [(b"content-length", b"0, %d" % len(HIDDEN))],
    [(b"content-length", b"+%d" % len(HIDDEN))],
    [(b"connection", b"close")],
    [(b"connection", b"content-length")],
    [(b"te", b"chunked")],
    [(b"upgrade", b"websocket"), (b"connection", b"upgrade")],
    [(b"keep-alive", b"1")],
    [(b"x", b"y\r\ntransfer-encoding: chunked")],
    [(b"x", b"y\r\n\r\n" + HIDDEN)],
    [(b"x", b"y\n\n" + HIDDEN)],
    [(b"x", b"y\rz")],
    [(b"x", b"y\0z")],
    [(b"cookie", b"a\r\nb: c")],
    [(b"x: y\r\nz", b"y")],
    [(b"x:y", b"z")],
    [(b"x y", b"z")],
    [(b"x\0", b"z")],
    [(b"", b"z")],
    [(b"host", b"y")],
    [(b"host", b"x\r\ny: z")],
    [(b":path", b"/smuggled")],
    [(b":method", b"GET")],
    [(b":authority", b"y")],
    [(b":scheme", b"https")],
    [(b":status", b"200")],
    [(b":smuggled", b"y")],
    [(b"x", b"y"), (b":path", b"/smuggled")],
]
OTHER_PSEUDO: list[http2.Fields] = [
    [(b":path", b"/a HTTP/1.1\r\nhost: x\r\n\r\nGET /smuggled")],
    [(b":path", b"/a HTTP/1.1\r\nx: y")],
    [(b":path", b"/a\n/smuggled")],
    [(b":path", b"/a /smuggled")],
    [(b":path", b"/a\0")],
    [(b":path", b"")],
    [(b":path", b"smuggled")],
    [(b":path", b"http://y/smuggled")],
    [(b":path", b"*")],
    [(b":method", b"GET /smuggled HTTP/1.1\r\nx:")],
    [(b":method", b"GET /smuggled")],
    [(b":method", b"POST\r\n")],
    [(b":method", b"")],
    [(b":method", b"CONNECT")],
    [(b":method", b"CONNECT"), (b":protocol", b"websocket")],
    [(b":scheme", b"http://y/smuggled?")],
    [(b":scheme", b"http\r\nx: y")],
    [(b":authority", b"x\r\ny: z")],
    [(b":authority", b"x y")],
    [(b":authority", b"x/smuggled?")],
    [(b":authority", b"u@x")],
    [(b":authority", b"")],
]
H2_TRAILERS: list[http2.Fields] = [
    [(b":path", b"/smuggled")],
    [(b"transfer-encoding", b"chunked")],
    [(b"content-length", b"5")],
    [(b"x", b"y\r\n\r\n" + HIDDEN)],
    [(b"x\r\n\r\n" + HIDDEN, b"y")],
]


def with_length(fields: bytes, length: int, body: bytes) -> bytes:
    return b"POST /a HTTP/1.1\r\nhost: x\r\nContent-Length: %d\r\n%b\r\n\r\n%b" % (length, fields, body)


HTTP1 = [
    *(with_length(coding, len(ENDS_EARLY), ENDS_EARLY) for coding in CODINGS),
    *(with_length(coding, 4, GOES_ON) for coding in CODINGS),
    *(
        b"POST /a HTTP/1.1\r\nhost: x\r\nContent-Length: %b\r\n\r\n%b"
        % (length.replace(b"N", b"%d" % len(HIDDEN)), HIDDEN)
        for length in LENGTHS
    ),
    *(
        b"POST /a HTTP/1.1\r\nhost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + HIDDEN
        for chunks in CHUNKS
    ),
    *(
        b"POST /a HTTP/1.1\r\nhost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n%b\r\n\r\n" % trailer
        for trailer in TRAILERS
    ),
    *LINES,
]
WHOLE = frame(DATA, END_STREAM, 1, HIDDEN)
OPENING = frame(HEADERS, END_HEADERS, 1, http2.block(POST))


def opening(fields: http2.Fields) -> bytes:
    return frame(HEADERS, END_HEADERS, 1, http2.block(fields))


def closing(fields: http2.Fields, stream: int = 1) -> bytes:
    return frame(HEADERS, END_STREAM | END_HEADERS, stream, http2.block(fields))


HTTP2 = {
    "fields": [opening(POST + extra) + WHOLE for extra in EXTRA_FIELDS],
    "pseudo": [opening([*(dict(POST) | dict(other)).items()]) + WHOLE for other in OTHER_PSEUDO],
    "missing": [opening([one for one in POST if one[0] != name]) + WHOLE for name, _ in POST],
    "trailers": [OPENING + frame(DATA, 0, 1, HIDDEN) + closing(trailers) for trailers in H2_TRAILERS],
    "frames": [
        OPENING + WHOLE + WHOLE,
        OPENING + WHOLE + closing(http2.get("/smuggled")),
        frame(HEADERS, END_STREAM, 1, http2.block(POST)) + closing(http2.get("/smuggled"), 3),
        frame(HEADERS, 0, 1, http2.block(POST)[:9]) + frame(CONTINUATION, 0, 3, http2.block(POST)[9:]),
        frame(HEADERS, END_HEADERS, 2, http2.block(POST)) + frame(DATA, END_STREAM, 2, HIDDEN),
        WHOLE,
    ],
}
