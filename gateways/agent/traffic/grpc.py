"""What gRPC's statuses are in HTTP's: a call is answered with 200 whatever became of it.

As Google's APIs map them, but for UNIMPLEMENTED: that there is no such method is 404 in gRPC's own table, and
an error of who called.
"""

_OF_HTTP = {
    1: 499,  # CANCELLED
    3: 400,  # INVALID_ARGUMENT
    4: 504,  # DEADLINE_EXCEEDED
    5: 404,  # NOT_FOUND
    6: 409,  # ALREADY_EXISTS
    7: 403,  # PERMISSION_DENIED
    8: 429,  # RESOURCE_EXHAUSTED
    9: 400,  # FAILED_PRECONDITION
    10: 409,  # ABORTED
    11: 400,  # OUT_OF_RANGE
    12: 404,  # UNIMPLEMENTED
    14: 503,  # UNAVAILABLE
    16: 401,  # UNAUTHENTICATED
}


def http_status(status: int, grpc_status: int | None) -> int:
    """The status that an answer is counted by. None: it is no call of gRPC. What is unknown is an error of
    the server, as UNKNOWN, INTERNAL and DATA_LOSS are.
    """
    if not grpc_status or not 200 <= status < 400:
        return status
    return _OF_HTTP.get(grpc_status, 500)
