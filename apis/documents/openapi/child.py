"""The process that reads one document: text on its standard input, what it found as JSON on its output.

It limits itself before it reads: whatever the text is, the process ends in time and within its memory.
"""

import json
import sys
from dataclasses import asdict
from typing import Any

from apis import bounded
from apis.documents.openapi import limits


def main() -> None:
    limit()
    # Imported within the limits.
    from apis.documents.openapi.check import read
    from apis.documents.openapi.fault import DocumentFault, pointer

    answer: dict[str, Any]
    try:
        answer = asdict(read(sys.stdin.buffer.read(limits.MOST_BYTES + 1).decode()))
    except DocumentFault as fault:
        place = {"line": fault.line, "column": fault.column, "pointer": pointer(fault.path)[:1000]}
        answer = {"fault": {"message": str(fault), **place}}
    except UnicodeDecodeError:
        answer = {"fault": {"message": "it is not text in UTF-8"}}
    except MemoryError:
        answer = {"fault": {"message": limits.TOO_MUCH_MEMORY}}
    except RecursionError:
        answer = {"fault": {"message": "it is nested too deeply"}}
    sys.stdout.write(json.dumps(answer))


def limit() -> None:
    """What reading a document may take, from now on."""
    bounded.limit(
        nice=10,
        cpu_seconds=limits.CPU_SECONDS,
        memory_bytes=limits.MEMORY_BYTES,
        file_bytes=limits.RESULT_BYTES,
    )


if __name__ == "__main__":
    main()
