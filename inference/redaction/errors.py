"""What goes wrong in redaction. No message, attribute or repr here holds text or a value that was found in it."""

from __future__ import annotations

from collections.abc import Sequence


class RedactionError(Exception):
    """The text could not be redacted, so it must not go further. Every subclass says what the caller can do."""


class Blocked(RedactionError):
    """The policy refuses any text that holds data of type `type`; the value itself is never named."""

    def __init__(self, kind: str, policy_version: int) -> None:
        super().__init__(
            f"The text holds data of type {kind}, which redaction policy version {policy_version} blocks. "
            "Remove it and send the request again."
        )
        self.type = kind
        self.policy_version = policy_version


class TextTooLong(RedactionError):
    """The texts of one call are longer together than the redactor's limit. `length` and `limit` are in characters."""

    def __init__(self, length: int, limit: int) -> None:
        super().__init__(f"The text is {length} characters long; at most {limit} can be redacted at once. Split it.")
        self.length = length
        self.limit = limit


class ScanFailed(RedactionError):
    """The scanner or a check failed. The text counts as unredacted and must not be passed on."""

    def __init__(self, part: str, cause: BaseException) -> None:
        # Only the class of the cause: the message of a ValueError often quotes the value.
        super().__init__(f"Redaction failed in {part} ({type(cause).__name__}); the text was not passed on. Try again.")
        self.part = part


class PolicyError(RedactionError):
    """A redaction policy is invalid. `problems` are the paths of the offending fields, such as ``entities.CARD.action``, each
    with what is wrong there; `field` and `problem` are the first of them."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{field}: {problem}" for field, problem in problems))
        self.problems = tuple(problems)
        self.field, self.problem = self.problems[0]
