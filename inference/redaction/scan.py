"""The scanner: every pattern in a pass of the matcher over a shadow, then each pattern's own check.

Ordinary text holds little that is personal, so most patterns are not looked for in most of it: those that cannot match but where
digits lie close together only there (`zones`), and those with a gate (a word that has to announce them, a sign that all their
values have) only in texts that the gate is in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from .context import forget
from .cues import CUES
from .errors import ScanFailed
from .finding import VERIFIED, Span
from .matcher import kept_matcher, matcher
from .patterns import BUILT_IN, Pattern, Verified
from .placeholders import SHAPE_TRIGGER
from .shadow import Shadow, cast
from .trigger import Hit, MatcherError, Matching, Trigger
from .wrap import TRIGGER as WRAP_TRIGGER
from .wrap import unwrap
from .zones import near_digits, zones


class Scan(NamedTuple):
    """What one text holds: the findings as offsets into its `shadow`, which may still overlap, and whether something looks like
    a placeholder."""

    shadow: Shadow
    spans: list[Span]
    placeholder_shaped: bool


class Judge(Protocol):
    """A policy's say in what counts as a finding; `rules.Rules` is one."""

    def keeps(self, pattern: Pattern, shadow: str, value: Verified) -> bool:
        """Whether the value that `pattern` found counts."""
        ...

    def complete(self, spans: list[Span], shadow: Shadow) -> list[Span]:
        """`spans` (in any order, perhaps overlapping) resolved, together with what the policy itself looks for."""
        ...


class Scanner:
    """Finds what `patterns` describe. One scanner serves every thread.

    Compiling takes seconds and happens at the first use, or in `compile`; the built-in one's is kept (`kept`).
    """

    def __init__(self, patterns: Sequence[Pattern], matching: Matching = matcher) -> None:
        """`matching` makes the matchers; the machine's own unless a test wants others."""
        self._patterns = tuple(patterns)
        sharing: dict[tuple[str, Trigger], list[int]] = {}
        for index, pattern in enumerate(self._patterns):
            trigger = Trigger(pattern.trigger, pattern.caseless, pattern.start_known)
            sharing.setdefault((pattern.gate, trigger), []).append(index)
        self._sharers = tuple(map(tuple, sharing.values()))
        """The patterns of each trigger: one that several share is compiled and reported once."""
        whole: list[int] = []
        near: list[int] = []
        gated: dict[str, list[int]] = {}
        triggers = [trigger for _, trigger in sharing]
        for index, (gate, trigger) in enumerate(sharing):
            if gate:
                gated.setdefault(gate, []).append(index)
            else:
                (near if near_digits(trigger.expression) else whole).append(index)
        self._starting_anywhere = frozenset(index for index, trigger in enumerate(triggers) if not trigger.start_known)
        """The triggers whose hits have no start."""
        self._shape, self._wrap = len(sharing), len(sharing) + 1
        first_gate = self._wrap + 1
        self._whole = matching(
            [
                *(triggers[index] for index in whole),
                Trigger(SHAPE_TRIGGER, once=True),
                Trigger(WRAP_TRIGGER, start_known=False),
                *(Trigger(gate, once=True) for gate in gated),
            ],
            [*whole, *range(self._shape, first_gate + len(gated))],
        )
        self._near = matching([triggers[index] for index in near], near) if near else None
        self._gated = {
            gate: matching([triggers[index] for index in behind], behind)
            for gate, behind in enumerate(gated.values(), first_gate)
        }
        """By the index of the gate: the triggers behind it."""

    def compile(self) -> None:
        """Compiles the patterns once, whichever thread comes first. Raises ScanFailed."""
        try:
            for each in (self._whole, self._near, *self._gated.values()):
                if each is not None:
                    each.compile()
        except MatcherError as error:
            raise ScanFailed("compiling the patterns", error) from error

    def scan(self, text: str, language: str | None, ignored: frozenset[str], judge: Judge | None = None) -> Scan:
        """The findings in `text` of every type that is not `ignored`, and that `judge` keeps. Raises ScanFailed."""
        try:
            shadow = cast(text)
            hits = self._hits(shadow.data)
            if not hits:
                return Scan(shadow, [], False)
            folded = shadow.text
            spans = self._verified(folded, hits, language, ignored, judge)
            breaks = [end for index, _, end in hits if index == self._wrap]
            if breaks:
                found = tuple(spans)
                gates = frozenset(index for index, _, _ in hits if index > self._wrap)
                for unwrapped in unwrap(folded, breaks):
                    again = self._hits(unwrapped.text.encode("latin-1"), gates)
                    spans += unwrapped.crossing(self._verified(unwrapped.text, again, language, ignored, judge), found)
        except (MatcherError, MemoryError) as error:
            raise ScanFailed("the scanner", error) from None
        return Scan(shadow, spans, any(index == self._shape for index, _, _ in hits))

    def _verified(
        self, folded: str, hits: list[Hit], language: str | None, ignored: frozenset[str], judge: Judge | None
    ) -> list[Span]:
        """The values that the `hits` in a shadow belong to, as they come."""
        patterns = self._patterns
        spans: list[Span] = []
        covered: dict[int, int] = {}
        sure_start = sure_end = 0
        for trigger, start, end in hits:
            if trigger >= self._shape:
                continue
            # What check digits vouch for is taken: next to nothing that begins inside it could prevail (`resolve`), and
            # account numbers, tokens and keys are full of triggers. Where the start is not known, it is 0.
            if sure_start <= start and end <= sure_end and start:
                continue
            for index in self._sharers[trigger]:
                # A trigger inside what the same pattern already took can only repeat it; without this, a text made of
                # triggers would be read to its end once for each of them.
                if end <= covered.get(index, 0):
                    continue
                pattern = patterns[index]
                if pattern.type in ignored:
                    continue
                try:
                    value = pattern.verify(folded, start, end, language)
                    if value is not None and judge is not None and not judge.keeps(pattern, folded, value):
                        value = None
                except Exception as error:  # noqa: BLE001 - fails closed
                    forget()
                    # Whatever a check raises may quote the text it was given, so neither it nor its context goes on.
                    raise ScanFailed(f"the check of {pattern.name}", error) from None
                if value is not None:
                    covered[index] = value[1]
                    if value[2] >= VERIFIED:
                        sure_start, sure_end = value[0], value[1]
                    spans.append((value[0], value[1], pattern.type, value[2], pattern.layer))
        forget()
        return spans

    def _hits(self, data: bytes, gates: frozenset[int] = frozenset()) -> list[Hit]:
        """By their starts, so that what lies in a value comes after it. `gates` are open whether or not `data` opens them."""
        hits = self._whole.hits(data)
        if gates or hits:
            for gate in gates.union(index for index, _, _ in hits if index > self._wrap):
                hits += self._gated[gate].hits(data)
        if self._near is not None and (near := zones(data)).data:
            hits += [(index, *near.original(start, end)) for index, start, end in self._near.hits(near.data)]
        hits.sort(key=self._place)
        return hits

    def _place(self, hit: Hit) -> int:
        """Where a hit begins, or ends if that is all that is known."""
        return hit[2] if hit[0] in self._starting_anywhere else hit[1]


BUILT_IN_SCANNER: Final = Scanner((*BUILT_IN, *CUES), kept_matcher)
"""The scanner of the built-in patterns and cues, one a process."""
