"""The redactor: finds personal data in texts and replaces it as a policy says."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

from .cues.gazetteer import listed_names
from .cues.repeats import repeats
from .errors import Blocked, ScanFailed, TextTooLong
from .evidence import Evidence
from .finding import TYPES, Finding, Span
from .ner import NerProvider, recognise
from .placeholders import Issuer, PlaceholderMap, fresh_nonce
from .policy import Action, Policy
from .resolve import resolve
from .scan import BUILT_IN_SCANNER, Scan
from .shadow import Shadow

MAX_CHARACTERS: Final = 1_000_000
"""How many characters one call redacts unless the redactor is told otherwise: some 250,000 tokens, 10 ms of ordinary text."""


class Redactor:
    """Finds and replaces personal data.

    A redactor is immutable and serves every thread. `policy` defaults to version 1 of "everything reversible, cards and
    secrets masked". `language` in its methods is a language tag (``de``, ``pt-BR``); it widens what counts as a telephone
    number and may be left out.

    `ner` is a model that looks as well; `gazetteer` adds a list of given names (as the policy's field does). What looked is in
    `layers`.

    Every method raises TextTooLong over `max_characters` (all texts of the call together) and ScanFailed when anything goes
    wrong; in both cases the text must not be passed on.
    """

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        max_characters: int = MAX_CHARACTERS,
        ner: NerProvider | None = None,
        gazetteer: bool = False,
    ) -> None:
        self.policy = policy or Policy()
        self.max_characters = max_characters
        self._ner = ner
        self._actions = {kind: self.policy.action(kind) for kind in TYPES}
        self._ignored = frozenset(kind for kind, action in self._actions.items() if action is Action.ALLOW)
        self._names = "NAME" not in self._ignored
        self._gazetteer = (gazetteer or self.policy.gazetteer) and self._names
        ran = ("patterns", True), ("cues", not {"NAME", "ADDRESS"} <= self._ignored), ("gazetteer", self._gazetteer)
        self.layers = tuple(name for name, runs in (*ran, ("ner", ner is not None)) if runs)
        """The parts that look at a text, of `evidence.LAYERS`."""

    def prepare(self) -> None:
        """Compiles the patterns now (about a second) instead of at the first text."""
        BUILT_IN_SCANNER.compile()

    def find(self, text: str, language: str | None = None) -> list[Finding]:
        """The findings in `text`, by position and without overlaps. Types that the policy allows are left out."""
        (found,), _ = self._find((text,), language)
        return [Finding(*span) for span in found]

    def redact(self, text: str, language: str | None = None) -> tuple[str, PlaceholderMap]:
        """`text` with placeholders, and the map that restores them. Raises Blocked where the policy says so."""
        (redacted,), placeholders = self.redact_texts((text,), language)
        return redacted, placeholders

    def redact_texts(self, texts: Sequence[str], language: str | None = None) -> tuple[list[str], PlaceholderMap]:
        """All texts of one request (system prompt, messages, tool arguments and results) with placeholders, and one map.

        The same value has the same placeholder in all of them, so they must be given together: a text that a user wrote
        can then never name a placeholder of another. Raises Blocked where the policy says so.
        """
        found, shaped = self._find(texts, language)
        replaced: dict[str, int] = {}
        flagged: dict[str, int] = {}
        for spans in found:
            for _, _, kind, _, _ in spans:
                action = self._actions[kind]
                if action is Action.BLOCK:
                    raise Blocked(kind, self.policy.version)
                counts = flagged if action is Action.FLAG else replaced
                counts[kind] = counts.get(kind, 0) + 1
        evidence = Evidence(self.policy.version, replaced, flagged, self.layers)
        issuer = Issuer(fresh_nonce(texts) if replaced and shaped else None)
        redacted = [
            self._replace(text, spans, issuer) if spans else text for text, spans in zip(texts, found, strict=True)
        ]
        return redacted, issuer.close(evidence)

    def _find(self, texts: Sequence[str], language: str | None) -> tuple[list[list[Span]], bool]:
        """The findings in each text, by position and without overlaps, and whether anything looks like a placeholder."""
        length = sum(map(len, texts))
        if length > self.max_characters:
            raise TextTooLong(length, self.max_characters)
        if language is not None:
            language = language.replace("_", "-").partition("-")[0].lower()
        scans = [BUILT_IN_SCANNER.scan(text, language, self._ignored) for text in texts]
        if self._ner is not None:
            for scan, spans in zip(scans, recognise(self._ner, texts, language), strict=True):
                scan.spans.extend(self._in_shadow(scan.shadow, spans))
        if self._names:
            self._find_names(scans)
        found = [_settle(text, scan) if scan.spans else scan.spans for text, scan in zip(texts, scans, strict=True)]
        return found, any(scan.placeholder_shaped for scan in scans)

    def _in_shadow(self, shadow: Shadow, spans: list[Span]) -> Iterator[Span]:
        for start, end, kind, score, layer in spans:
            start, end = shadow.folded(start, end)
            if kind not in self._ignored and end > start:
                yield start, end, kind, score, layer

    def _find_names(self, scans: Sequence[Scan]) -> None:
        """Adds the names that a list, the names already found and the e-mail addresses tell."""
        try:
            if self._gazetteer:
                for scan in scans:
                    scan.spans.extend(listed_names(scan.shadow.text))
            if any(span[2] in ("NAME", "EMAIL", "ADDRESS") for scan in scans for span in scan.spans):
                further = repeats([(scan.shadow, scan.spans) for scan in scans])
                for scan, spans in zip(scans, further, strict=True):
                    scan.spans.extend(spans)
        except Exception as error:  # noqa: BLE001 - fails closed
            raise ScanFailed("the search for names", error) from None

    def _replace(self, text: str, spans: list[Span], issuer: Issuer) -> str:
        pieces: list[str] = []
        done = 0
        for start, end, kind, _, _ in spans:
            action = self._actions[kind]
            if action is Action.FLAG:
                continue
            pieces.append(text[done:start])
            pieces.append(issuer.placeholder(kind, text[start:end], reversible=action is Action.REVERSIBLE))
            done = end
        pieces.append(text[done:])
        return "".join(pieces)


def _settle(text: str, scan: Scan) -> list[Span]:
    """The findings of one text without overlaps, as offsets into the text itself."""
    spans = resolve(scan.spans, scan.shadow.text)
    if not scan.shadow.drops:
        return spans
    settled: list[Span] = []
    for start, end, kind, score, layer in spans:
        start, end = scan.shadow.original(start, end)
        while end < len(text) and unicodedata.combining(text[end]):
            end += 1  # the accent of the last letter, which the shadow has no place for
        settled.append((start, end, kind, score, layer))
    return settled
