"""What is searched for, in words: few enough for a database to look for each."""

MOST_WORDS = 10
MOST_CHARACTERS = 200


def words(text: str) -> list[str]:
    """Those of the text's beginning; each must be found."""
    return text[:MOST_CHARACTERS].split()[:MOST_WORDS]
