"""What no rung can tell, decided by sympy in a child process."""

from graders.math.tree import Node


class Residue:
    """Decides the equality of two trees in a child process; nothing is started until it is first asked."""

    def equal(self, gold: Node, answer: Node) -> bool | None:
        return None

    def close(self) -> None:
        """End the child."""
