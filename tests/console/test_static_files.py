"""Static files have names that tell their content, and come compressed."""

import os
import re
from pathlib import Path
from typing import Any

import brotli
import pytest
from django.conf import settings as given
from django.test import RequestFactory
from whitenoise.middleware import WhiteNoiseMiddleware

from console import static_files


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Where they are collected, once for this module."""
    from django.test import override_settings

    folder = tmp_path_factory.mktemp("static")
    with override_settings(STATIC_ROOT=folder):
        static_files.collect()
    return folder


@pytest.fixture
def served(root: Path, settings: Any) -> WhiteNoiseMiddleware:
    settings.STATIC_ROOT = root
    settings.STORAGES = {**given.STORAGES}
    return WhiteNoiseMiddleware(get_response=lambda request: None)


def url(name: str, root: Path) -> str:
    return f"/static/{static_files.Storage(location=root, base_url='/static/').stored_name(name)}"


@pytest.mark.parametrize(
    "name", ["css/pages.css", "js/console.js", "icons/lucide-1.62.0.svg", "django_htmx/htmx-2.min.js"]
)
def test_a_file_has_a_name_of_its_content_and_is_kept_for_a_year(
    served: WhiteNoiseMiddleware, root: Path, name: str
) -> None:
    address = url(name, root)
    request = RequestFactory().get(address, headers={"Accept-Encoding": "gzip, br"})

    answer = served(request)

    assert re.search(r"\.[0-9a-f]{12}\.\w+$", address)
    assert answer.headers["Cache-Control"] == "max-age=315360000, public, immutable"
    assert answer.headers["Content-Encoding"] == "br"
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert len(brotli.decompress(b"".join(answer.streaming_content))) > 0


def test_files_named_in_css_have_such_names_too(root: Path) -> None:
    tokens = root / url("css/tokens.css", root).removeprefix("/static/")
    charts = root / url("css/charts.css", root).removeprefix("/static/")

    assert re.search(r"inter-latin-wght-normal\.[0-9a-f]{12}\.woff2", tokens.read_text())
    assert re.search(r"uPlot\.min\.[0-9a-f]{12}\.css", charts.read_text())


def test_what_has_not_changed_is_not_collected_again(root: Path, settings: Any) -> None:
    settings.STATIC_ROOT = root
    manifest = root / "staticfiles.json"
    before = manifest.stat().st_mtime_ns

    static_files.collect()

    assert manifest.stat().st_mtime_ns == before


def test_what_no_page_has_named_for_a_month_is_removed(root: Path, settings: Any) -> None:
    settings.STATIC_ROOT = root
    old, recent = root / "css" / "pages.000000000000.css", root / "css" / "pages.111111111111.css"
    for path in (old, recent):
        path.touch()
    os.utime(old, (1, 1))
    (root / static_files.STAMP).unlink()

    static_files.collect()

    assert (old.exists(), recent.exists()) == (False, True)
    assert (root / url("css/pages.css", root).removeprefix("/static/")).exists()


def test_what_only_developers_look_at_is_left_out(root: Path) -> None:
    names = [path.name for path in root.rglob("*")]

    assert not [name for name in names if name.endswith(".map")]


def test_before_they_are_collected_the_plain_names_are_served(tmp_path: Path) -> None:
    storage = static_files.Storage(location=tmp_path, base_url="/static/")

    assert storage.url("css/pages.css") == "/static/css/pages.css"


def test_a_folder_that_cannot_be_written_is_told_and_hinders_nothing(
    tmp_path: Path, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    settings.STATIC_ROOT = tmp_path / "file" / "static"

    static_files.collect()

    assert "static=uncollected" in caplog.text
