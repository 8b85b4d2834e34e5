"""What reading one store may cost: the process that reads it ends where it costs more.

Whoever makes a PKCS #12 file says how often its passphrase is stretched, up to two thousand million times.
"""

MOST_BYTES = 512 * 1024
"""Of each file."""
MOST_CERTIFICATES = 300
"""Of a truststore: a machine's own has some 150."""
MOST_CHAIN = 20
LONGEST_PASSPHRASE = 1024

CPU_SECONDS = 5
WALL_SECONDS = 30
"""On a machine that has much else to do."""
MEMORY_BYTES = 768 * 1024 * 1024
ANSWER_BYTES = 8 * 1024 * 1024
MOST_READ, MOST_WAITING = 2, 2
"""At once, and until it is their turn, in one process of the console: each holds one of its threads, of which
it has eight.
"""
