"""The words of a choice that is shown as a card: what it is called, what it means, its icon."""


class Card(str):
    """A label that says more than its name."""

    about: str
    icon: str

    def __new__(cls, title: str, about: str = "", icon: str = "") -> "Card":
        made = super().__new__(cls, title)
        made.about, made.icon = about, icon
        return made
