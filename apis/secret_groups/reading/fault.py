"""Why a store is not taken, and which field is to be mended."""


class StoreFault(Exception):
    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
