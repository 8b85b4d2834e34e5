"""How often Python looks for objects that are dead and refer to one another."""

import gc

AFTER = (50_000, 20, 100)
"""Objects made, where Python's own is 700: what a process imports, and the resources of a thousand APIs, are
hundreds of thousands, all of which stay and were looked through while they were made.
"""


def collect_seldom() -> None:
    gc.set_threshold(*AFTER)
