"""What reading one policy's configuration may cost where it holds documents or patterns."""

CPU_SECONDS = 8
"""The largest documents that are taken need a second or two."""
WALL_SECONDS = 30
"""On a machine that has much else to do."""
MEMORY_BYTES = 512 * 1024 * 1024
ANSWER_BYTES = 8 * 1024 * 1024
LONGEST_INPUT = 10_000
"""Characters of a value at fault that are repeated."""
MOST_READ, MOST_WAITING = 3, 2
"""At once, and until there is a place, in one process of the console, which has eight threads."""
MOST_OF_TENANT = 2
"""Fewer than are read: who comes next is read at once."""
KEEP_SECONDS, KEEP_FAULTS_SECONDS = 7 * 24 * 3600, 60
"""How long it is remembered of a configuration that it is sound, and what is wrong with it."""
