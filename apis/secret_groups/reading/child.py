"""The process that reads one store: what is asked on its standard input, what it found as JSON on its output.

It limits itself before it reads: whatever the file is, the process ends in time and within its memory.
"""

import json
import os
import resource
import sys
from typing import Any

from apis.secret_groups.reading import asked, limits
from apis.secret_groups.reading.fault import Fault


def main() -> None:
    _limit()
    # Imported within the limits.
    from apis.secret_groups.reading import stores

    answer: dict[str, Any]
    try:
        answer = stores.read(asked.read(sys.stdin.buffer.read()))
    except Fault as fault:
        answer = {"fault": {"field": fault.field, "message": str(fault)}}
    sys.stdout.write(json.dumps(answer))


def _limit() -> None:
    os.nice(5)
    for kind, most in (
        (resource.RLIMIT_CPU, limits.CPU_SECONDS),
        (resource.RLIMIT_AS, limits.MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        _, hard = resource.getrlimit(kind)
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (value, value))


if __name__ == "__main__":
    main()
