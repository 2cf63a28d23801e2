"""What ends a script early: one line for the user and an exit status, never a traceback."""


class Failure(Exception):
    """Base of all errors that a user may see; str() is the one line to print."""

    status = 1


class Usage(Failure):
    """The caller asked for something that makes no sense (exit status 2)."""

    status = 2


class Unusable(Failure):
    """The work could not be done here and now (exit status 3)."""

    status = 3


class FullDisk(Unusable):
    """The disk is full."""


class BuildFailed(Failure):
    """The kernel or program under test did not compile: a result, not a fault of this tool."""

    status = 1
