"""How long a timeout may be, and the policy that is none but an API's own timeout."""

SHORTEST_SECONDS, LONGEST_SECONDS = 0.001, 864_000
"""Beyond these Envoy would be given an exponent, and refuse every API because of it."""

RESPONSE_TIMEOUT = "response-timeout"
"""In Flex Gateway a policy; to us a property of the API's routes."""
