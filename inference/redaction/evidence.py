"""Evidence: what a redaction did, in counts and never in values. It may be logged, stored and sent as a header."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LAYERS: Final = ("patterns", "cues", "gazetteer", "rules", "ner")
"""The parts that a redactor may have: forms and check digits, cues of names and addresses, a list of given names, rules of the
policy's own, a model."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What happened to one request.

    `replaced` and `flagged` count findings by type, repeats included: those that became placeholders, and those that the
    policy only wanted counted. `policy_version` is the policy's; `layers` are the parts that ran, a model's with its name where
    that is known (``ner=demo-names``). `hashes` are keyed hashes of the values, ``EMAIL:…``, each once, where the policy wants
    them.
    """

    policy_version: int
    replaced: Mapping[str, int]
    flagged: Mapping[str, int]
    layers: tuple[str, ...] = ("patterns",)
    hashes: tuple[str, ...] = ()

    @property
    def header(self) -> str:
        """``EMAIL=1,IBAN=2``: `replaced` as a header value, by type in alphabetical order; empty when nothing was."""
        return ",".join(f"{kind}={count}" for kind, count in sorted(self.replaced.items()))

    @property
    def recogniser(self) -> str:
        """The name of the model that looked; empty where none did or its name is not known."""
        return next((layer.partition("=")[2] for layer in self.layers if layer.startswith("ner=")), "")

    @property
    def layers_header(self) -> str:
        """``patterns,cues,ner=none``: `layers` as a header value, which says so where no model looked."""
        looked = any(layer.partition("=")[0] == "ner" for layer in self.layers)
        return ",".join(self.layers if looked else (*self.layers, "ner=none"))
