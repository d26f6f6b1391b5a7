"""Whose fault it was, when it was not the completion's."""


class TaskInvalid(Exception):
    """What the item is judged against cannot be used: the reference does not parse, a checker does not compile.

    The item ends as `invalid` with a null reward. `code` is one word of a closed list, `message` is for people and
    never echoes the reference.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class GraderFault(Exception):
    """We failed; the answer is not to blame. The item is retried, then ends as `error` with a null reward."""


class ParameterRefused(ValueError):
    """A component's parameter that fits its type but not the others, or not what it is for.

    Args:
        field: which one.
        message: what would fit; never echoes the value.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class JudgeFault(GraderFault):
    """A judge did not give a number: the item ends as `error` with code "judge".

    Args:
        message: for the caller; names neither an address nor anything of a reply.
        retryable: whether sending the item again may help.
    """

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = retryable
