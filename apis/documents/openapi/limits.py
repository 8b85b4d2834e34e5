"""What reading one OpenAPI document may cost: the process that reads it ends where it costs more."""

MOST_BYTES = 20 * 1024 * 1024
MOST_VALUES = 2_000_000
"""With what an alias or a merge stands for counted each time: ten lines of YAML can stand for 10^9."""
MOST_TEXT = 3 * MOST_BYTES
"""Characters of keys and values, counted likewise."""
MOST_LEVELS = 100
MOST_OPERATIONS = 20_000
MOST_HOPS = 20
"""From one reference to the next."""

CPU_SECONDS = 60
"""20 MB of YAML take a third of it."""
WALL_SECONDS = 150
"""On a machine that has much else to do."""
MEMORY_BYTES = 1536 * 1024 * 1024
TOO_MUCH_MEMORY = "reading it takes more than the memory that a document gets; split it"
RESULT_BYTES = 4 * MOST_BYTES
