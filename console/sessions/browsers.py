"""What a browser calls itself, in words: "Firefox on Linux"."""

import re

BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrom", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
"""By a piece of the header, in the order to look: a Chrome says Safari too, an iPhone says Mac."""


def browser(user_agent: str) -> str:
    """What is none of those is called by its own first word."""
    name = next((words for piece, words in BROWSERS if piece in user_agent), "")
    system = next((words for piece, words in SYSTEMS if piece in user_agent), "")
    name = name or re.split(r"[/ ]", user_agent, maxsplit=1)[0][:40] or "Unknown browser"
    return f"{name} on {system}" if system else name
