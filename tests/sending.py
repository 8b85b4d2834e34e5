"""What a browser without JavaScript would send of a form on a page."""

from html.parser import HTMLParser

Sent = dict[str, list[str]]


class _Reader(HTMLParser):
    """Of the form whose data-keep is `name`, or whose action it is."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.sent = name, Sent()
        self.is_inside = False
        self.select = self.area = ""
        self.typed: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.is_inside = self.name in (given.get("data-keep"), given.get("action"))
        name = given.get("name") or ""
        if not self.is_inside or "disabled" in given:
            return
        if tag == "select":
            self.select = name
        elif tag == "option" and self.select:
            had = self.sent.setdefault(self.select, [given.get("value") or ""])
            if "selected" in given:
                had[:] = [given.get("value") or ""]
        elif tag == "textarea":
            self.area, self.typed = name, []
        elif tag == "input" and name and self._counts(given):
            self.sent.setdefault(name, []).append(given.get("value") or "")

    @staticmethod
    def _counts(given: dict[str, str | None]) -> bool:
        if given.get("type") in {"checkbox", "radio"}:
            return "checked" in given
        return given.get("type") not in {"submit", "button", "file", "search"}

    def handle_data(self, data: str) -> None:
        if self.area:
            self.typed.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self.area:
            self.sent.setdefault(self.area, []).append("".join(self.typed).removeprefix("\n"))
            self.area = ""
        elif tag == "select":
            self.select = ""
        elif tag == "form":
            self.is_inside = False


def sent_by(page: str, form: str) -> Sent:
    """Values by name; `form` is its data-keep or its action. The token is left out."""
    reader = _Reader(form)
    reader.feed(page)
    assert reader.sent, f"no form {form}"
    reader.sent.pop("csrfmiddlewaretoken", None)
    return reader.sent
