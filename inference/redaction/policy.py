"""Policy: what to look for beside the built-in types, and what to do with each finding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from .action import Action
from .finding import IRREVERSIBLE, TYPES
from .policy_json import read_policy, write_policy
from .sections import (
    DENIED,
    AllowList,
    CustomRule,
    DenyList,
    Entity,
    EvidenceHash,
    Form,
    OnError,
    OutputScan,
    Recogniser,
    Routes,
)


@dataclass(frozen=True, slots=True)
class Policy:
    """A redaction policy. docs/formats/redaction-policy.md describes its JSON.

    `entities` holds what is said for single types, `default_action` counts for the others; but card numbers and secrets are
    put back into answers only where `entities` itself says ``reversible``. `languages` and `countries` narrow what has no
    check digits, and nothing else. With `gazetteer`, a list of given names helps to find names that no cue tells, and with
    `ner` a model: without it nothing is redacted, so whoever makes the redactor must be able to ask it.
    """

    version: int = 1
    languages: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    default_action: Action = Action.REVERSIBLE
    on_error: OnError = OnError.BLOCK
    entities: Mapping[str, Entity] = field(default_factory=dict)
    custom: tuple[CustomRule, ...] = ()
    allow: AllowList = field(default_factory=AllowList)
    deny: DenyList = field(default_factory=DenyList)
    placeholder: Form = Form.TYPED
    routes: Routes = field(default_factory=Routes)
    output_scan: OutputScan = OutputScan.OFF
    evidence_hash: EvidenceHash = EvidenceHash.NONE
    gazetteer: bool = False
    ner: Recogniser | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "entities", MappingProxyType(dict(self.entities)))

    @property
    def kinds(self) -> tuple[str, ...]:
        """Every type that it can find: the built-in ones, its labels, and what it denies."""
        labels = {rule.label: None for rule in self.custom}
        return (*TYPES, *(label for label in labels if label not in TYPES), DENIED)

    def action(self, kind: str) -> Action:
        """What to do with a finding of type `kind`."""
        said = self._said(kind)
        if said is not None:
            return said
        if self.default_action is Action.REVERSIBLE and kind in IRREVERSIBLE:
            return Action.MASK
        return self.default_action

    def _said(self, kind: str) -> Action | None:
        if kind == DENIED:
            return self.deny.action
        entity = self.entities.get(kind)
        if entity is not None:
            return entity.action
        return next((rule.action for rule in self.custom if rule.label == kind and rule.action is not None), None)

    @classmethod
    def from_json(cls, document: str | bytes | Mapping[str, Any]) -> Policy:
        """The policy of a JSON document, or of an already parsed one.

        ``{"version": 3, "default_action": "reversible", "entities": {"IBAN": {"action": "block"}}}``; `version` is
        required. Raises PolicyError, which names the path of everything that is wrong.
        """
        return cls(**read_policy(document))

    def to_json(self) -> dict[str, Any]:
        """The document that `from_json` reads, without what it would be without saying."""
        return write_policy(self)
