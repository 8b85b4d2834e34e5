"""The one way in which the embedded stack says that it cannot start."""


class StackError(Exception):
    """What is wrong and what to do about it, in one line for the person at the terminal."""
