"""Several copies of an API as a table: typed row by row, or pasted from a spreadsheet."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.http import QueryDict
from django.utils.text import slugify
from pydantic import BaseModel, Field, create_model

from apis.changes.copies import MOST_COPIES
from apis.copying.jobs import Faults, WantedCopy
from apis.models import ApiInstance, Upstream
from apis.rules import listeners
from console.forms import schema_data, schema_form

LIST, PASTE = "copies", "paste"
MOST_PASTED = 65_536
"""Characters."""
MOST_UPSTREAMS = 5
"""Upstreams that have a column; copies take further ones as the origin has them."""
HEADS = {"name", "api", "api name"}
Row = dict[str, Any]


@dataclass(frozen=True)
class TableRow:
    """`cells` are in the order of the columns."""

    key: str
    name: str
    cells: list[schema_form.Field]
    errors: tuple[str, ...] = ()


class CopiesForm:
    def __init__(self, api: ApiInstance) -> None:
        self.api = api
        self.upstreams: list[Upstream] = list(api.upstreams.all()[:MOST_UPSTREAMS])
        self.schema = _schema(api, self.upstreams)
        self.rows: list[Row] = [{}]
        self.gateway = str(api.gateway_id or "")
        self.pasted = ""
        self.errors: dict[str, list[str]] = {}

    @property
    def columns(self) -> list[str]:
        return [one.label for one in self._cells(0, {})]

    def read(self, data: QueryDict) -> None:
        # One more than may be, so that the form can say so. No further ones: each row takes time to show.
        few = data.copy()
        few.setlist(LIST, data.getlist(LIST)[: MOST_COPIES + 1])
        self.rows = list(schema_data.read(self.schema, few, prefix="")[LIST])
        self.gateway = data.get("gateway", "")
        self.pasted = data.get("pasted", "")

    def show(self, rows: Sequence[WantedCopy], gateway: str) -> None:
        """As they were sent before."""
        self.gateway = gateway
        names = [(f"u{at}", str(row.pk)) for at, row in enumerate(self.upstreams)]
        self.rows = [
            {
                "name": one.name,
                "base_path": one.base_path,
                "port": one.port,
                **{name: one.uris.get(pk, "") for name, pk in names},
            }
            for one in rows
        ]

    def paste(self) -> None:
        """Put what was pasted below the rows that say anything.

        Rows above the limit are not added, and the form says so.
        """
        if len(self.pasted) > MOST_PASTED:
            self.errors["pasted"] = [f"It is longer than {MOST_PASTED} characters; paste fewer rows."]
            return
        found = _read(self.pasted)
        columns = ["name", "base_path", "port", *(f"u{at}" for at in range(len(self.upstreams)))]
        wide = [number for number, cells in enumerate(found, 1) if any(cells[len(columns) :])]
        had = [row for row in self.rows if any(row.values())]
        if not found:
            self.errors["pasted"] = [
                "There is no row in it: name, base path, port and upstream, one row a line."
            ]
        elif wide:
            told = f"Row {wide[0]} has more than {len(columns)} columns: {', '.join(self.columns)}."
            self.errors["pasted"] = [told]
        elif len(had) + len(found) > MOST_COPIES:
            self.errors["pasted"] = [
                f"With {len(found)} more there are {len(had) + len(found)} rows; at most {MOST_COPIES}."
            ]
        else:
            self.rows = [*had, *(_row(columns, cells) for cells in found)]
            self.pasted = ""

    def wanted(self) -> list[WantedCopy]:
        """What the rows that say anything ask for; what cannot be read is in `errors` then. The rows stay in
        their places: empty ones are gone.
        """
        self.rows = [row for row in self.rows if any(row.values())]
        if not self.rows:
            self.errors[""] = ["Fill in a row for each copy."]
            self.rows = [{}]
            return []
        if len(self.rows) > MOST_COPIES:
            self.errors[""] = [f"There are more than {MOST_COPIES} rows; make the others later."]
            return []
        return [self._one(at, row) for at, row in enumerate(self.rows)]

    def refuse(self, faults: Faults) -> None:
        """What the rules say of each row, at its cells."""
        places = {str(row.pk): f"u{at}" for at, row in enumerate(self.upstreams)}
        for at, found in faults.items():
            for name, texts in found.items():
                self.errors.setdefault(f"{LIST}.{at}.{_cell(name, places)}", []).extend(texts)

    def table(self) -> list[TableRow]:
        shown = []
        for at, row in enumerate(self.rows):
            cells = self._cells(at, row)
            name, known = f"{LIST}.{at}", {one.name for one in cells}
            errors = [
                text
                for field, texts in self.errors.items()
                if field.startswith(f"{name}.") and field not in known
                for text in texts
            ]
            shown.append(TableRow(str(at), name, cells, tuple(errors)))
        return shown

    @property
    def general(self) -> list[str]:
        found = [text for name in ("", "gateway") for text in self.errors.get(name, [])]
        wrong = {name.split(".")[1] for name in self.errors if name.startswith(f"{LIST}.")}
        if wrong:
            count = len(wrong)
            found.append(f"{count} of {len(self.rows)} rows {'is' if count == 1 else 'are'} to be mended.")
        return found

    def _one(self, at: int, row: Row) -> WantedCopy:
        name, port = str(row.get("name", "")), row.get("port")
        base_path = listeners.with_slash(str(row.get("base_path") or slugify(name)))
        if port is None:
            port = self.api.port
        elif not isinstance(port, int) or not 1 <= port <= 65535:
            message = f'"{port}" is not a port; write a number from 1 to 65535.'
            self.errors[f"{LIST}.{at}.port"] = [message]
            port = self.api.port
        uris = {str(one.pk): str(row.get(f"u{number}") or "") for number, one in enumerate(self.upstreams)}
        return WantedCopy(name, base_path, port, uris)

    def _cells(self, at: int, row: Row) -> list[schema_form.Field]:
        shown = schema_form.fields(self.schema, {LIST: [row]}, {}, prefix="")[0].fields[0].fields
        named = [replace(one, name=f"{LIST}.{at}.{one.key}") for one in shown]
        return [replace(one, errors=tuple(self.errors.get(one.name, ())), help="") for one in named]


def _schema(api: ApiInstance, upstreams: Sequence[Upstream]) -> dict[str, Any]:
    code = {"code": True, "needed": True}
    columns: dict[str, Any] = {
        "name": (str, Field("", title="Name", json_schema_extra={"needed": True})),
        "base_path": (str, Field("", title="Base path", examples=["/name"], json_schema_extra=dict(code))),
        "port": (
            int | None,
            Field(
                None, title="Port", ge=1, le=65535, examples=[api.port], json_schema_extra={"needed": True}
            ),
        ),
    }
    for at, row in enumerate(upstreams):
        title = f"Upstream {row.label or at + 1}" if len(upstreams) > 1 else "Upstream URL"
        columns[f"u{at}"] = (str, Field("", title=title, examples=[row.uri], json_schema_extra=dict(code)))
    shown: type[BaseModel] = create_model("CopyRow", **columns)
    shape = shown.model_json_schema()
    return {"type": "object", "properties": {LIST: {"type": "array", "title": "Copies", "items": shape}}}


def _cell(name: str, upstreams: Mapping[str, str]) -> str:
    """The column of the table that a rule's field is; the field itself where there is none."""
    if name in ("asset", "asset.name", "asset.asset_id"):
        return "name"
    _, _, rest = name.partition("upstreams.")
    key, _, part = rest.partition(".")
    return upstreams[key] if part == "uri" and key in upstreams else name


def _read(text: str) -> list[list[str]]:
    """The rows of a table as spreadsheets copy and export it: with tabs, semicolons or commas."""
    lines = [line for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if line.strip()]
    if not lines:
        return []
    delimiter = next((one for one in "\t;" if one in lines[0]), ",")
    try:
        found = [
            [cell.strip() for cell in row]
            for row in csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter)
        ]
    except csv.Error:
        return []
    is_headed = bool(found) and bool(found[0]) and found[0][0].lower() in HEADS
    return [row for row in found[1 if is_headed else 0 :] if any(row)]


def _row(columns: Sequence[str], cells: Sequence[str]) -> Row:
    row: Row = dict(zip(columns, cells, strict=False))
    port = row.get("port", "")
    row["port"] = int(port) if port.isascii() and port.isdigit() and len(port) < 9 else (port or None)
    return row
