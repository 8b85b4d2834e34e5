"""Why a message was not taken."""


class Unsent(Exception):
    """`is_final`: the other side will never take it. `is_away`: it takes none at all for now."""

    def __init__(self, answer: str, *, is_final: bool = False, is_away: bool = False) -> None:
        super().__init__(answer)
        self.answer, self.is_final, self.is_away = answer, is_final, is_away
