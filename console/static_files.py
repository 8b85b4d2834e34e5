"""Static files under names that tell their content, compressed, so that browsers keep them for a year.

They are collected from this tree and the installed packages into the state folder by the console itself
when it starts, once for each release. Where that folder cannot be written, the files are served as they are.
"""

import fcntl
import hashlib
import importlib.metadata
import json
import logging
import time
from pathlib import Path

import brotli
import django
from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core.management import call_command
from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage

UNUSED = (
    "*.map",
    "LICENSE*",
    "README*",
    "ext",
    "gis",
    "htmax*",
    "htmx-4*",
    "htmx-2.js",
    "jquery.js",
    "rest_framework",
    "select2.full.js",
    "xregexp.js",
)
"""Of packages: pages that we do not serve, and what only their developers look at."""
LARGE_BYTES = 40_000
STAMP = ".collected"
MANIFEST = "staticfiles.json"
KEPT_SECONDS = 30 * 24 * 3600

log = logging.getLogger(__name__)


class QuickCompressor(Compressor):
    """Brotli's last efforts on a large file take most of the time, and gain a twentieth."""

    @staticmethod
    def compress_brotli(data: bytes) -> bytes:
        return bytes(brotli.compress(data, quality=9 if len(data) > LARGE_BYTES else 11))


class Storage(CompressedManifestStaticFilesStorage):
    """Before anything was collected, and for a file that came later, the plain name: finders know that."""

    manifest_strict = False
    patterns = tuple(
        (kind, found[:2]) for kind, found in ManifestStaticFilesStorage.patterns if kind == "*.css"
    )
    """Names in CSS are rewritten; those of source maps, which are not collected, are left."""

    def stored_name(self, name: str) -> str:
        found: str = self.hashed_files.get(self.hash_key(self.clean_name(name)), name)
        return found

    def create_compressor(self, **options: object) -> Compressor:
        return QuickCompressor(**options)


def collect() -> None:
    """Collect what has changed; returns at once when nothing has. Processes that start together wait."""
    root = Path(settings.STATIC_ROOT)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with (root / f"{STAMP}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            wanted = _signature()
            stamp = root / STAMP
            if stamp.exists() and stamp.read_text() == wanted:
                return
            call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=[*UNUSED])
            _remove_old(root)
            stamp.write_text(wanted)
    except OSError as error:
        log.warning("static=uncollected folder=%s reason=%r: pages load more slowly", root, str(error))


def _remove_old(root: Path) -> None:
    """What no page names any more, once the pages that named it can be open no longer."""
    named = set(json.loads((root / MANIFEST).read_bytes())["paths"].values())
    oldest = time.time() - KEPT_SECONDS
    for path in root.rglob("*.*"):
        name = str(path.relative_to(root)).removesuffix(".gz").removesuffix(".br")
        is_ours = name == MANIFEST or name.startswith(STAMP) or name in named
        if not is_ours and path.is_file() and path.stat().st_mtime < oldest:
            path.unlink()


def _signature() -> str:
    """Of every file by name, size and time, and of what collects them."""
    found = [
        (path, storage.size(path), storage.get_modified_time(path).timestamp())
        for finder in finders.get_finders()
        for path, storage in finder.list([*UNUSED])
    ]
    told = json.dumps([django.VERSION, importlib.metadata.version("whitenoise"), UNUSED, sorted(found)])
    return hashlib.sha256(told.encode()).hexdigest()
