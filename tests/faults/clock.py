"""Runs a Python module as on a machine whose clock is wrong.

python -m tests.faults.clock SECONDS python -m MODULE …
"""

import runpy
import sys
import time

_right = time.time


def main(seconds: str, *command: str) -> None:
    """Before the module is imported: what takes `time.time` takes ours."""
    time.time = lambda: _right() + float(seconds)
    sys.argv = list(command[2:])
    runpy.run_module(command[2], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
