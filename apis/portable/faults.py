"""What is wrong with a file, line by line."""

MOST = 50


class BadFile(ValueError):
    """`lines` are (line, message)."""

    def __init__(self, faults: "Faults") -> None:
        super().__init__("; ".join(f"line {line}: {text}" for line, text in faults.lines[:3]))
        self.lines = faults.lines


class Faults:
    def __init__(self) -> None:
        self.lines: list[tuple[int, str]] = []

    def add(self, line: int, message: str) -> None:
        if len(self.lines) < MOST and (line, message) not in self.lines:
            self.lines.append((line, message[:600]))

    def check(self) -> None:
        """Raises BadFile where something is wrong."""
        if self.lines:
            raise BadFile(self)
