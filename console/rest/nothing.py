"""Bodies of addresses that are told nothing in one."""

from rest_framework.exceptions import ParseError
from rest_framework.request import Request


def check(request: Request) -> None:
    """Raises ParseError for a body that says something, or that is JSON and no object."""
    if request.data != {}:
        raise ParseError("Nothing is said in a body here: leave it out, or write {}.")
