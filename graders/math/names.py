"""Tables of names, written as text so that they can be read at a glance."""


def names(text: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(text.split())
