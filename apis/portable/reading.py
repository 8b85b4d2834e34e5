"""Has a file read in a process of its own, within the limits that OpenAPI documents have."""

from apis.documents.openapi import process
from apis.portable.shape import Portable

CHILD = ("-m", "apis.portable.child")
Lines = list[tuple[int, str]]


def read(text: str) -> tuple[list[Portable], Lines]:
    """The APIs of a file, or what is wrong with it, line by line. Never on a request: it takes its time."""
    answer = process.read(text, child=CHILD)
    if fault := answer.get("fault"):
        return [], [(1, fault["message"])]
    faults = [(int(line), str(message)) for line, message in answer.get("faults", ())]
    return [Portable.model_validate(one) for one in answer.get("apis", ())], faults
