"""Who runs the cell and on which terms, as the operator states it: the part of the configuration that records quote.

Nothing here is needed to serve. What is not stated is shown as not stated, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OperatorConfig:
    """The processor, for the record of processing (GDPR 30(2)(a))."""

    name: str | None
    address: str | None
    contact: str | None
    representative: str | None
    """Of an operator that is not established where the law holds (GDPR 27)."""
    dpo: str | None
    """How to reach the data protection officer (GDPR 37)."""


@dataclass(frozen=True, slots=True)
class AgreementConfig:
    """The data processing agreement that the operator offers (GDPR 28(3))."""

    version: str | None
    """A word that stands in audit entries, e.g. `2026-03`."""
    reference: str | None
    """Where its text is, or what it is called."""
    sha256: str | None
    """Of the document, in hexadecimal: says which text a version is."""

    def problems(self) -> Iterator[str]:
        """What does not fit together, each with the variable's name."""
        if self.version is None and (self.reference or self.sha256):
            yield "BAILIWICK_DPA_VERSION is not set: people accept a version, so an agreement needs one"
        if self.version is not None and self.reference is None:
            yield "BAILIWICK_DPA_REFERENCE is not set: say where the text of BAILIWICK_DPA_VERSION is"
