"""Takes off requests what callers say in a header that is the gateway's to say, however they spell its name.

To CGI, and so to many servers of Python, Ruby and PHP, x_user is x-user; to PHP x.user is too, and to
lighttpd's CGI any sign is a hyphen.
"""

from collections.abc import Iterable

from policies.compiled import TYPE_URL, Filter, Scope
from policies.fields.headers import spelled

_MUTATION = TYPE_URL + "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation"


def unsaid(scope: Scope, names: Iterable[str], *, removed: Iterable[str] = ()) -> Filter:
    """A filter in front of a policy's own; `removed` are names that go as they are written and no other."""
    patterns = [
        {"remove_on_match": {"key_matcher": {"safe_regex": {"regex": spelled(one)}}}} for one in names
    ]
    mutations = {"request_mutations": [*({"remove": name} for name in removed), *patterns]}
    return Filter(f"{scope.binding}/unsaid", {"@type": _MUTATION, "mutations": mutations})
