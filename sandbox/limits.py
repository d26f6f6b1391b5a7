"""What a program may use, and what reaching each limit is called. Sizes in bytes, times in seconds."""

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one run.

    Args:
        cpu_s: processor time of the program and all its descendants; reaching it ends the run as TIME_LIMIT.
        wall_s: elapsed time; None means max(2 * cpu_s, cpu_s + 1), so that a sleeper ends too but a loaded host
            does not turn an honest program into a slow one. Time spent waiting for a processor is added to it, up to
            three times as much again. Reaching it ends the run as TIME_LIMIT.
        memory_bytes: memory of the whole process tree; reaching it ends the run as MEMORY_LIMIT.
        output_bytes: each of stdout and stderr; reaching it ends the run as OUTPUT_LIMIT.
        processes: processes and threads alive at once; reaching it makes fork fail inside the program.
        file_bytes: all files the program writes in its work folder, and the size of each.
    """

    cpu_s: float = 10.0
    wall_s: float | None = None
    memory_bytes: int = 512 * MIB
    output_bytes: int = 8 * MIB
    processes: int = 64
    file_bytes: int = 64 * MIB

    @property
    def wall_limit_s(self) -> float:
        """The elapsed time in force: `wall_s`, or its default from `cpu_s`."""
        if self.wall_s is not None:
            return self.wall_s
        return max(2 * self.cpu_s, self.cpu_s + 1)


COMPILE_LIMITS = Limits(
    cpu_s=10.0, memory_bytes=2048 * MIB, output_bytes=256 * 1024, processes=128, file_bytes=256 * MIB
)
"""Of a compiler, where neither the language nor the caller says otherwise."""
