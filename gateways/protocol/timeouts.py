"""How long a timeout may be."""

SHORTEST_SECONDS, LONGEST_SECONDS = 0.001, 864_000
"""Outside of them Envoy would be given a number with an exponent, which it refuses with every API."""
