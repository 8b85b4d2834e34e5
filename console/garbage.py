"""How often Python looks for objects that are dead and refer to one another."""

import gc

AFTER = (50_000, 10, 10)
"""Objects made, where Python's own is 700: what a process of the console imports is hundreds of thousands,
all of which stay. Looking through them took a tenth of a start; to be called before the imports.
"""


def collect_seldom() -> None:
    gc.set_threshold(*AFTER)
