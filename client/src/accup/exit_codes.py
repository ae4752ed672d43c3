"""The exit codes of every command. Scripts rely on them: they never change."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's end means; ``meaning`` is the documentation's text."""

    DONE = 0
    INTERNAL = 1
    USAGE = 2
    REFUSED = 3
    NOT_PERMITTED = 4
    CONFLICT = 5
    SERVICE = 6
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """The code's meaning, for the reference."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.DONE: "Done. For `send`: every file was accepted, and the session is complete if that was requested.",
    ExitCode.INTERNAL: "A fault in the client itself. Please report it.",
    ExitCode.USAGE: "The command line, the profile, or a local file name or path is wrong. Nothing was sent.",
    ExitCode.REFUSED: "A file was refused. Nothing was completed.",
    ExitCode.NOT_PERMITTED: "No valid token, no permission, or not found (the service gives callers without "
    "permission the same answer).",
    ExitCode.CONFLICT: "The session is complete, has expired or has other contents, or something changed meanwhile.",
    ExitCode.SERVICE: "The service or the network failed, after all retries.",
    ExitCode.INTERRUPTED: "Interrupted with Ctrl-C. The same command continues where it stopped.",
}
