"""The looks that a user may choose; without a choice, the browser's own."""

THEMES = ("light", "dark")
