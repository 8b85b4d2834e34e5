"""Whether a change that a page saves is to be deployed, and how the page tells what became of it."""

from apis.models import ApiInstance
from console.scope import Request
from gateways.models import Gateway


def asked(request: Request, api: ApiInstance) -> bool | None:
    """What the button says: `go` is "save", or "deploy" where saved changes may go at once."""
    go = request.POST.get("go")
    if go == "save":
        return False
    return True if go == "deploy" and api.environment.deploys_on_save else None


def taken(api: ApiInstance) -> str:
    """What its gateway does with what was just deployed, as the end of a sentence."""
    is_away = api.gateway is not None and api.gateway.status == Gateway.Status.DISCONNECTED
    return f"{api.gateway} takes it into force{', when it is connected again' if is_away else ''}."


def told(api: ApiInstance, done: str, saved: str = "") -> str:
    """What was done, or what was `saved` of it where that waits."""
    if not api.is_deployed or api.pending_since is None:
        return done
    return f"{saved or done} It waits to be deployed: review what is pending."
