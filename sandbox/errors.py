"""The sandbox failed, not the program it ran.

A program that crashes, hangs or is killed at a limit is an outcome (`run.RunOutcome`), never one of these.
"""


class SandboxFault(Exception):
    """The run was spoilt by us: no verdict may be drawn from it.

    Callers retry on another jail a bounded number of times, then report the item as `error`.
    """


class JailUnavailable(SandboxFault):
    """No jail could be started: the engine is gone, the image is missing, the kernel refuses namespaces."""


class SeparationRefused(JailUnavailable):
    """The kernel or the engine refuses the namespaces that keep one run from the rest."""


class JailLost(SandboxFault):
    """A jail stopped answering, or answered out of step, in the middle of a run."""


class LanguageUnavailable(SandboxFault):
    """The language is in the table, but this jail has no working compiler or interpreter for it."""
