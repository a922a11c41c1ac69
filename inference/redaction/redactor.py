"""The redactor: finds personal data in texts and replaces it as a policy says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .errors import Blocked, TextTooLong
from .evidence import Evidence
from .finding import TYPES, Finding, Span
from .placeholders import Issuer, PlaceholderMap, fresh_nonce
from .policy import Action, Policy
from .scan import BUILT_IN_SCANNER, Scan

MAX_CHARACTERS: Final = 1_000_000
"""How many characters one call redacts unless the redactor is told otherwise: some 250,000 tokens, 10 ms of ordinary text."""


class Redactor:
    """Finds and replaces personal data.

    A redactor is immutable and serves every thread. `policy` defaults to version 1 of "everything reversible, cards and
    secrets masked". `language` in its methods is a language tag (``de``, ``pt-BR``); it widens what counts as a telephone
    number and may be left out.

    Every method raises TextTooLong over `max_characters` (all texts of the call together) and ScanFailed when anything goes
    wrong; in both cases the text must not be passed on.
    """

    def __init__(self, policy: Policy | None = None, *, max_characters: int = MAX_CHARACTERS) -> None:
        self.policy = policy or Policy()
        self.max_characters = max_characters
        self._actions = {kind: self.policy.action(kind) for kind in TYPES}
        self._ignored = frozenset(kind for kind, action in self._actions.items() if action is Action.ALLOW)

    def prepare(self) -> None:
        """Compiles the patterns now (about a second) instead of at the first text."""
        BUILT_IN_SCANNER.compile()

    def find(self, text: str, language: str | None = None) -> list[Finding]:
        """The findings in `text`, by position and without overlaps. Types that the policy allows are left out."""
        (scan,) = self._scan((text,), language)
        return [Finding(*span) for span in scan.spans]

    def redact(self, text: str, language: str | None = None) -> tuple[str, PlaceholderMap]:
        """`text` with placeholders, and the map that restores them. Raises Blocked where the policy says so."""
        (redacted,), placeholders = self.redact_texts((text,), language)
        return redacted, placeholders

    def redact_texts(self, texts: Sequence[str], language: str | None = None) -> tuple[list[str], PlaceholderMap]:
        """All texts of one request (system prompt, messages, tool arguments and results) with placeholders, and one map.

        The same value has the same placeholder in all of them, so they must be given together: a text that a user wrote
        can then never name a placeholder of another. Raises Blocked where the policy says so.
        """
        scans = self._scan(texts, language)
        replaced: dict[str, int] = {}
        flagged: dict[str, int] = {}
        for scan in scans:
            for _, _, kind, _ in scan.spans:
                action = self._actions[kind]
                if action is Action.BLOCK:
                    raise Blocked(kind, self.policy.version)
                counts = flagged if action is Action.FLAG else replaced
                counts[kind] = counts.get(kind, 0) + 1
        evidence = Evidence(self.policy.version, replaced, flagged)
        issuer = Issuer(fresh_nonce(texts) if replaced and any(scan.placeholder_shaped for scan in scans) else None)
        redacted = [
            self._replace(text, scan.spans, issuer) if scan.spans else text
            for text, scan in zip(texts, scans, strict=True)
        ]
        return redacted, issuer.close(evidence)

    def _scan(self, texts: Sequence[str], language: str | None) -> list[Scan]:
        length = sum(map(len, texts))
        if length > self.max_characters:
            raise TextTooLong(length, self.max_characters)
        if language is not None:
            language = language.replace("_", "-").partition("-")[0].lower()
        return [BUILT_IN_SCANNER.scan(text, language, self._ignored) for text in texts]

    def _replace(self, text: str, spans: list[Span], issuer: Issuer) -> str:
        pieces: list[str] = []
        done = 0
        for start, end, kind, _ in spans:
            action = self._actions[kind]
            if action is Action.FLAG:
                continue
            pieces.append(text[done:start])
            pieces.append(issuer.placeholder(kind, text[start:end], reversible=action is Action.REVERSIBLE))
            done = end
        pieces.append(text[done:])
        return "".join(pieces)
