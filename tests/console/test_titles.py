"""What tabs, bookmarks and screen readers call a page."""

import re
from collections import defaultdict
from html import unescape

import pytest

from tests.browser.gallery import make_gallery

TITLE = re.compile("<head>.*?<title>([^<]+)</title>", re.DOTALL)
DRAFT = re.compile("/apis/add/[0-9a-f-]{36}/gateway")
"""A wizard's first step, begun and taken up again."""


@pytest.mark.django_db
def test_no_two_pages_have_one_title() -> None:
    gallery, pages = make_gallery(), defaultdict(set)

    for path in gallery.pages():
        answer = gallery.place.client.get(path)
        if answer.status_code == 200 and not DRAFT.fullmatch(path):
            found = TITLE.search(answer.content.decode())
            assert found, path
            pages[unescape(found[1])].add(path.split("?")[0])

    assert {title: paths for title, paths in pages.items() if len(paths) > 1} == {}
