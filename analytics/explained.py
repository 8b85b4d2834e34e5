"""Why a call came to nothing, in words for who made it: nothing of how the API is built or guarded inside."""

from typing import Any

from analytics.calls import FailedCount
from policies import catalog
from policies.policy import Phase, Policy
from policies.traits import Explained

_BY_STATUS = {
    "0": Explained("Your side closed the connection", "Give the request more time before you give up."),
    "400": Explained("The request is not as the API expects it", "Compare it with the API's documentation."),
    "401": Explained(
        "The API asks for credentials that did not come", "Compare how they are sent with its documentation."
    ),
    "403": Explained("The API does not allow this", "Ask the API's owners whether you may call it so."),
    "404": Explained("There is nothing at this address", "Check path and base path."),
    "405": Explained("The method is not allowed there", "Check the method in the API's documentation."),
    "408": Explained("The request took too long to arrive", "Send it in one go, and try again."),
    "413": Explained("The request is too large", "Send less at once."),
    "415": Explained("The content type is not accepted", "Check the Content-Type header."),
    "429": Explained("Too many requests at once", "Wait for the time in Retry-After, and spread them."),
}
_CLIENT = Explained("The API answered that the request is wrong", "Read the answer's body, and mend it.")
_SERVER = Explained(
    "The API could not answer", "Nothing is wrong with the request: try again later, or tell its owners."
)
_CUT = Explained("The answer was cut in the middle", "Try again; what came may not be whole.")
_PHASES = {
    Phase.TLS: Explained("The API asks for a client certificate", "Send one that its owners gave you."),
    Phase.IDENTIFY: Explained(
        "The API asks for credentials beside the client id",
        "Compare how they are sent with its documentation.",
    ),
    Phase.AUTHORIZE: Explained(
        "The API's rules do not allow this call", "Ask its owners whether you may call it so."
    ),
    Phase.PROTECT: Explained(
        "The request's content was refused", "Compare body and parameters with the API's documentation."
    ),
    Phase.LIMIT: Explained(
        "The API takes no more requests for now", "Wait for the time in Retry-After, and spread them."
    ),
}


def explain(status: int, policy: str, check: str, failure: str) -> Explained:
    """In the words by which requests are counted."""
    refused_by = _policy(policy) if policy else None
    told = refused_by.explained if refused_by else {}
    if found := told.get((status, check)) or told.get(status):
        return found
    if refused_by and status < 500 and refused_by.phase in _PHASES:
        return _PHASES[refused_by.phase]
    if failure and 100 <= status < 400:
        return _CUT
    return _BY_STATUS.get(str(status)) or (_SERVER if status >= 500 else _CLIENT)


def of(trouble: FailedCount) -> Explained:
    return explain(trouble.status, trouble.policy, trouble.check, trouble.failure)


def _policy(name: str) -> Policy[Any] | None:
    try:
        return catalog.find(name)
    except catalog.UnknownPolicy:
        return None
