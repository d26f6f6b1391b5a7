"""What a jail is to the pool: an agent behind isolation, and the stream of bytes to and from it.

The two kinds are docker_jail and bubblewrap_jail. A jail knows nothing of frames; session puts them on its stream.
"""

from typing import Protocol


class Jail(Protocol):
    """An agent that runs behind isolation."""

    @property
    def name(self) -> str:
        """For logs: which jail it is."""

    @property
    def isolation(self) -> str:
        """What this jail puts around its runs, for example "bubblewrap+namespaces+seccomp"."""

    @property
    def runtime(self) -> str | None:
        """Whose kernel it has: the name of a container runtime; None means the host's own."""

    def send(self, data: bytes, timeout_s: float) -> None:
        """Hand bytes to the agent.

        Raises: JailLost when it is gone or takes none for timeout_s.
        """

    def receive(self, timeout_s: float) -> bytes:
        """Some bytes from the agent, at least one.

        Raises: TimeoutError when none came for timeout_s; JailLost when the agent is gone.
        """

    def is_silent(self) -> bool:
        """Does the stream hold nothing to read? Between programs an agent says nothing, unless it has ended."""

    def complaints(self) -> str:
        """The end of what the agent wrote to its standard error, to explain a loss."""

    def close(self) -> None:
        """End the agent and all that runs in the jail; nothing of it is left on the host. Never raises."""
