"""The process that reads one store: what is asked on its standard input, what it found as JSON on its output.

It limits itself before it reads: whatever the file is, the process ends in time and within its memory.
"""

import json
import sys
from typing import Any

from apis import bounded
from apis.secret_groups.reading import limits, uploaded
from apis.secret_groups.reading.fault import StoreFault


def main() -> None:
    bounded.limit(
        nice=5,
        cpu_seconds=limits.CPU_SECONDS,
        memory_bytes=limits.MEMORY_BYTES,
        file_bytes=limits.ANSWER_BYTES,
    )
    # Imported within the limits.
    from apis.secret_groups.reading import stores

    answer: dict[str, Any]
    try:
        answer = stores.read(uploaded.read(sys.stdin.buffer.read()))
    except StoreFault as fault:
        answer = {"fault": {"field": fault.field, "message": str(fault)}}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
