"""The redactor: finds personal data in texts and replaces it as a policy says."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

from .action import Action
from .compiled_policy import CompiledPolicy
from .context import forget
from .cues.gazetteer import listed_names
from .cues.repeats import repeats
from .errors import Blocked, ScanFailed, TextTooLong
from .evidence import Evidence
from .finding import Finding, Span
from .framed import Framed
from .keyed_hash import KEY_BYTES, keyed_hash
from .ner import NerProvider, Recognised, findings, recognise
from .output import OutputFilter
from .placeholders import Issuer, PlaceholderMap, fresh_nonce
from .policy import Policy
from .resolve import resolve
from .scan import BUILT_IN_SCANNER, Judge, Scan
from .sections import EvidenceHash, Form, OutputScan
from .shadow import Shadow, escape_end

MAX_CHARACTERS: Final = 1_000_000
"""How many characters one call redacts unless the redactor is told otherwise: some 250,000 tokens, 10 ms of ordinary text."""
MOST_HASHES: Final = 100
"""How many hashes the evidence of one call has at most."""


class Redactor:
    """Finds and replaces personal data.

    A redactor is immutable and serves every thread. `policy` defaults to version 1 of "everything reversible, cards and
    secrets masked". `language` in its methods is a language tag (``de``, ``pt-BR``); it widens what counts as a telephone
    number and may be left out, in which case the policy's counts if it names one.

    `ner` is a model that looks as well; whoever asks one by himself gives what it found as `recognised`, and where the policy
    names a model, every call fails without one of the two. `gazetteer` adds a list of given names (as the policy's field does).
    What looked is in `layers`.

    Every method raises TextTooLong over `max_characters` (all texts of the call together) and ScanFailed when anything goes
    wrong; in both cases the text must not be passed on, unless the policy's `on_error` says so.
    """

    def __init__(
        self,
        policy: Policy | CompiledPolicy | None = None,
        *,
        max_characters: int = MAX_CHARACTERS,
        ner: NerProvider | None = None,
        gazetteer: bool = False,
        hash_key: bytes | None = None,
    ) -> None:
        """`hash_key` (32 bytes) makes the hashes of a policy that wants some; it belongs to one workspace. Raises ValueError
        without it, and ScanFailed if the policy cannot be compiled."""
        compiled = policy if isinstance(policy, CompiledPolicy) else CompiledPolicy.compile(policy or Policy())
        self.policy = compiled.policy
        self.max_characters = max_characters
        self.size = compiled.size
        """Bytes of what the policy's own rules were compiled to."""
        self._judge = None if compiled.rules.idle else compiled.rules
        self._ner = ner
        self._actions = {kind: self.policy.action(kind) for kind in self.policy.kinds}
        self._ignored = frozenset(kind for kind, action in self._actions.items() if action is Action.ALLOW)
        self._names = "NAME" not in self._ignored
        self._gazetteer = (gazetteer or self.policy.gazetteer) and self._names
        ran = (
            ("patterns", True),
            ("cues", not {"NAME", "ADDRESS"} <= self._ignored),
            ("gazetteer", self._gazetteer),
            ("rules", compiled.rules.finds),
            ("ner", ner is not None),
        )
        self.layers = tuple(name for name, runs in ran if runs)
        """The parts that look at a text, of `evidence.LAYERS`."""
        self._language = self.policy.languages[0] if len(self.policy.languages) == 1 else None
        self._hash_key = hash_key
        self._hashes = self.policy.evidence_hash is EvidenceHash.HMAC
        if hash_key is not None and len(hash_key) != KEY_BYTES:
            raise ValueError(f"a hash key has {KEY_BYTES} bytes")
        if hash_key is None and (self._hashes or Action.HASH in self._actions.values()):
            raise ValueError("the policy wants hashes: give a hash_key")

    def prepare(self) -> None:
        """Compiles the patterns now (about a second) instead of at the first text."""
        BUILT_IN_SCANNER.compile()

    def find(self, text: str, language: str | None = None, *, recognised: Recognised | None = None) -> list[Finding]:
        """The findings in `text`, by position and without overlaps. Types that the policy allows are left out."""
        (found,), _ = self._find((text,), language, recognised)
        return [Finding(*span) for span in found]

    def redact(self, text: str, language: str | None = None) -> tuple[str, PlaceholderMap]:
        """`text` with placeholders, and the map that restores them. Raises Blocked where the policy says so."""
        (redacted,), placeholders = self.redact_texts((text,), language)
        return redacted, placeholders

    def redact_texts(
        self,
        texts: Sequence[str],
        language: str | None = None,
        *,
        routes: Sequence[str] | None = None,
        recognised: Recognised | None = None,
    ) -> tuple[list[str], PlaceholderMap]:
        """All texts of one request (system prompt, messages, tool arguments and results) with placeholders, and one map.

        The same value has the same placeholder in all of them, so they must be given together: a text that a user wrote
        can then never name a placeholder of another. `routes` says of each text which part of the request it is (``system``,
        ``tools``, ``tool_results``, or anything else for what is always redacted); without it, all are redacted. A `Framed`
        gives a text for each of its leaves. Raises Blocked where the policy says so.
        """
        found, shaped = self._find(texts, language, recognised)
        left_out = self.policy.routes.left_out
        if routes is not None and left_out:
            # Read all the same: what looks like a placeholder counts wherever it stands.
            found = [[] if route in left_out else spans for spans, route in zip(found, routes, strict=True)]
        if any(isinstance(text, Framed) for text in texts):
            texts, found = _unframed(texts, found)
        replaced: dict[str, int] = {}
        flagged: dict[str, int] = {}
        for spans in found:
            for _, _, kind, _, _ in spans:
                action = self._actions[kind]
                if action is Action.BLOCK:
                    raise Blocked(kind, self.policy.version)
                counts = flagged if action is Action.FLAG else replaced
                counts[kind] = counts.get(kind, 0) + 1
        hashes = tuple(self._hashed(texts, found)) if self._hashes else ()
        evidence = Evidence(self.policy.version, replaced, flagged, self.looked(recognised), hashes)
        issuer = Issuer(
            fresh_nonce(texts) if replaced and shaped else None,
            plain=self.policy.placeholder is Form.PLAIN,
            hash_key=self._hash_key,
        )
        redacted = [
            self._replace(text, spans, issuer) if spans else text for text, spans in zip(texts, found, strict=True)
        ]
        return redacted, issuer.close(evidence)

    def output(self, language: str | None = None) -> OutputFilter | None:
        """What looks through one answer of the model, before its placeholders are restored; None if the policy wants none.

        Types that the policy blocks are masked there: an answer that has begun cannot be refused. A model does not look there.
        """
        if self.policy.output_scan is OutputScan.OFF:
            return None
        phrases = [word for rule in self.policy.custom for word in rule.words] + list(self.policy.deny.values)
        return OutputFilter(
            lambda text: self._looked_through((text,), language, ())[0][0],
            masks=self.policy.output_scan is OutputScan.MASK,
            flagged=frozenset(kind for kind, action in self._actions.items() if action is Action.FLAG),
            phrase=max((len(phrase.split()) for phrase in phrases), default=1),
        )

    def looked(self, recognised: Recognised | None = None) -> tuple[str, ...]:
        """`layers`, with the model that found what is `recognised`: ``ner=NAME``."""
        named = recognised is not None and recognised.model
        return (*self.layers, f"ner={named}") if named else self.layers

    def _find(
        self, texts: Sequence[str], language: str | None, recognised: Recognised | None
    ) -> tuple[list[list[Span]], bool]:
        """The findings in each text, by position and without overlaps, and whether anything looks like a placeholder."""
        length = sum(map(len, texts))
        if length > self.max_characters:
            raise TextTooLong(length, self.max_characters)
        return self._looked_through(texts, language, self._recognised(texts, self._spoken(language), recognised))

    def _spoken(self, language: str | None) -> str | None:
        return self._language if language is None else language.replace("_", "-").partition("-")[0].lower()

    def _recognised(
        self, texts: Sequence[str], language: str | None, recognised: Recognised | None
    ) -> Sequence[Sequence[Span]]:
        """What a model found in each text; empty where none is wanted. Raises ScanFailed."""
        least = self.policy.ner.min_score if self.policy.ner else 0.0
        if recognised is not None:
            return findings(texts, recognised.spans, least)
        if self._ner is not None:
            return recognise(self._ner, texts, language, least)
        if self.policy.ner is not None:
            raise ScanFailed("the recogniser", LookupError())
        return ()

    def _looked_through(
        self, texts: Sequence[str], language: str | None, recognised: Sequence[Sequence[Span]]
    ) -> tuple[list[list[Span]], bool]:
        """The same of texts of any length, with what a model found in each."""
        language = self._spoken(language)
        scans = [BUILT_IN_SCANNER.scan(text, language, self._ignored, self._judge) for text in texts]
        if recognised:
            for scan, spans in zip(scans, recognised, strict=True):
                scan.spans.extend(self._in_shadow(scan.shadow, spans))
        if self._names:
            self._find_names(scans)
        judge = self._judge
        found = [
            _settle(text, scan, judge) if scan.spans or judge is not None else scan.spans
            for text, scan in zip(texts, scans, strict=True)
        ]
        return found, any(scan.placeholder_shaped for scan in scans)

    def _in_shadow(self, shadow: Shadow, spans: Sequence[Span]) -> Iterator[Span]:
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

    def _hashed(self, texts: Sequence[str], found: Sequence[Sequence[Span]]) -> Iterator[str]:
        """``TYPE:hash`` of the values, each once, at most `MOST_HASHES`."""
        seen: set[str] = set()
        for text, spans in zip(texts, found, strict=True):
            for start, end, kind, *_ in spans:
                made = f"{kind}:{keyed_hash(self._hash_key or b'', kind, text[start:end])}"
                if made not in seen and len(seen) < MOST_HASHES:
                    seen.add(made)
                    yield made

    def _replace(self, text: str, spans: list[Span], issuer: Issuer) -> str:
        pieces: list[str] = []
        done = 0
        for start, end, kind, _, _ in spans:
            action = self._actions[kind]
            if action is Action.FLAG:
                continue
            pieces.append(text[done:start])
            pieces.append(issuer.placeholder(kind, text[start:end], action))
            done = end
        pieces.append(text[done:])
        return "".join(pieces)


def _unframed(texts: Sequence[str], found: list[list[Span]]) -> tuple[list[str], list[list[Span]]]:
    """The texts that are to be given back, with what was found in each."""
    single: list[str] = []
    inside: list[list[Span]] = []
    for text, spans in zip(texts, found, strict=True):
        if isinstance(text, Framed):
            single += text.pieces()
            inside += text.within(spans)
        else:
            single.append(text)
            inside.append(spans)
    return single, inside


def _settle(text: str, scan: Scan, judge: Judge | None) -> list[Span]:
    """The findings of one text without overlaps, with those of the policy's own rules, as offsets into the text itself."""
    spans = resolve(scan.spans, scan.shadow.text) if judge is None else _judged(judge, scan)
    if not scan.shadow.drops:
        return spans
    settled: list[Span] = []
    for start, end, kind, score, layer in spans:
        start, end = scan.shadow.original(start, end)
        end = escape_end(text, end)
        while end < len(text) and unicodedata.combining(text[end]):
            end += 1  # the accent of the last letter, which the shadow has no place for
        settled.append((start, end, kind, score, layer))
    return settled


def _judged(judge: Judge, scan: Scan) -> list[Span]:
    try:
        return judge.complete(scan.spans, scan.shadow)
    except Exception as error:  # noqa: BLE001 - fails closed, and quotes nothing
        raise ScanFailed("a rule of the policy", error) from None
    finally:
        forget()
