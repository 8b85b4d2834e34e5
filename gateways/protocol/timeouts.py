"""How long a timeout may be, and the policy by which an API's own setting reaches gateways."""

SHORTEST_SECONDS, LONGEST_SECONDS = 0.001, 864_000
"""Outside of them Envoy would be given a number with an exponent, which it refuses with every API."""

RESPONSE_TIMEOUT = "response-timeout"
"""Of the catalog. The setting's binding is named after its API: `apii-7-response-timeout`."""
