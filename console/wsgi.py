"""The console as gunicorn serves it."""

import gc
import os
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from console import garbage, static_files

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

DRAINED_BYTES = 64 * 1024 * 1024
CHUNK_BYTES = 64 * 1024


def drained(application: WSGIApplication) -> WSGIApplication:
    """Reads what the application left of a request's body, so that a refusal reaches its sender.

    A body over a limit is refused unread; closing the connection then would reset it, and a client that
    still sends gets "broken pipe" where 413 and the reason were. Past DRAINED_BYTES it does.
    """

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = application(environ, start_response)
        _drain(environ["wsgi.input"])
        return answer

    return serve


def _drain(body: Any) -> None:
    left = DRAINED_BYTES
    while left > 0 and (chunk := body.read(CHUNK_BYTES)):
        left -= len(chunk)


def _check_keys() -> None:
    """Before a request is taken; gunicorn ends then."""
    from gateways.agents import console_key  # its models are there after setup()

    console_key.check_keys(settings.HOME)


def _settle() -> None:
    """Load every page's code, and take what stays out of later collections: one took 0.1 s of a request.

    gunicorn loads this before it starts its workers, which then share it.
    """
    _ = get_resolver().url_patterns
    gc.collect()
    gc.freeze()


garbage.collect_seldom()
django.setup()
_check_keys()
static_files.collect()
application = drained(get_wsgi_application())
_settle()
