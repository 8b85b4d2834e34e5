"""What secret groups and secrets may be called: policies name them in text."""

import re

from apis.secret_groups.models import NAME, WHAT_A_NAME_IS


def name_faults(name: str, noun: str) -> list[str]:
    if not name:
        return [f"Give the {noun} a name."]
    return [] if re.fullmatch(NAME, name) else [f'"{name[:60]}" is no name. {WHAT_A_NAME_IS}']
