"""Why an artifact is not used. There is no warning: what does not belong here does not run here."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """For counting; what is the matter in particular is in the message."""

    MISSING = "missing"
    """There is no artifact, or a file of it is not there."""
    SCHEMA = "schema"
    """The manifest is of another release, or of none."""
    BYTES = "bytes"
    """Something is not as it was when it was saved, or is there in addition."""
    SIGNATURE = "signature"
    """None, or of a key that is not trusted."""
    DEVICE = "device"
    """It was made, and proven, for another processor or system."""
    INSTRUCTIONS = "instructions"
    """This processor does not run any instruction set that it was compiled for."""
    LIBRARY = "library"
    """It was proven with another version of a library."""
    FAULT = "fault"
    """It ended the process that ran it."""


class Refused(Exception):
    """An artifact does not run here. Nothing of it was run."""

    def __init__(self, reason: Reason, what: str, remedy: str) -> None:
        super().__init__(f"{what}. {remedy}")
        self.reason, self.what, self.remedy = reason, what, remedy


AGAIN = "Compile the model on this host, or take the artifact that was made for it"
FETCH = "Fetch it again from the store that it came from, or compile it again"
