"""The process that reads one policy's configuration: {"policy", "config"} on its standard input, and on its
output, as JSON, what is wrong with it (`faults`) or what is probably not meant (`advice`).

It limits itself before it reads: whatever the documents are, the process ends in time and within its memory.
"""

import json
import sys
from typing import Any

from apis import bounded
from apis.rules.config_reading import limits


def main() -> None:
    bounded.limit(
        nice=5,
        cpu_seconds=limits.CPU_SECONDS,
        memory_bytes=limits.MEMORY_BYTES,
        file_bytes=limits.ANSWER_BYTES,
    )
    # Imported within the limits.
    from apis.rules.config_reading import judging

    asked = json.loads(sys.stdin.buffer.read())
    answer: dict[str, Any] = judging.judged(asked["policy"], asked["config"])
    sys.stdout.write(json.dumps(answer, default=str))


if __name__ == "__main__":
    main()
