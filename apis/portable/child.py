"""The process that reads one file: YAML on its standard input, its APIs or faults as JSON on its output."""

import json
import sys
from typing import Any

from apis.documents.openapi.child import limit


def main() -> None:
    limit()
    # Imported within the limits.
    from apis.portable.faults import BadFile
    from apis.portable.read import read

    answer: dict[str, Any]
    try:
        answer = {"apis": [one.plain for one in read(sys.stdin.buffer.read())]}
    except BadFile as bad:
        answer = {"faults": bad.lines}
    except (MemoryError, RecursionError):
        answer = {"faults": [(1, "reading it takes more than a file may take; split it")]}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
