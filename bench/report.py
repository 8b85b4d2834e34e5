"""What was measured, as a table to read and a file to keep."""

import json
import math
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results")


def tell(
    name: str,
    title: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    quick: bool,
    is_part: bool = False,
    **more: Any,
) -> None:
    """Print the rows, whose keys are the columns, and write them, unless a part, with the machine's facts."""
    print(f"\n{title}{' (quick: not for comparison)' if quick else ''}\n")
    print(table(rows))
    if is_part:
        return
    RESULTS.mkdir(exist_ok=True)
    kept = {"title": title, "quick": quick, "machine": machine(), **more, "rows": rows}
    (RESULTS / f"{name}{'-quick' if quick else ''}.json").write_text(json.dumps(kept, indent=2) + "\n")


def progress(line: str) -> None:
    """To the terminal, not among the results."""
    print(line, file=sys.stderr, flush=True)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Markdown, so that it can be pasted."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    texts = [[_text(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(text) for text in column) for column in zip(columns, *texts, strict=True)]
    lines = [columns, ["-" * width for width in widths], *texts]
    return "\n".join(
        "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |"
        for line in lines
    )


def machine() -> dict[str, Any]:
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": models[0].partition(":")[2].strip() if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
    }


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of them do not exceed; NaN of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
