"""How long a timeout may be, and the policy that is none but an API's own timeout."""

SHORTEST_SECONDS, LONGEST_SECONDS = 0.001, 864_000
"""Outside of them Envoy would be given a number with an exponent, which it refuses with every API."""

RESPONSE_TIMEOUT = "response-timeout"
"""In Flex Gateway a policy; to us a property of the API's routes."""
