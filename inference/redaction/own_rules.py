"""A policy's own rules: customers' expressions and words, found in time linear in the text whatever they are.

One pass of the matcher tells which rules are there at all, which for most texts is none. Where an expression is, RE2 measures
its matches, the leftmost and longest first; where a word may begin, it is looked up. So the findings are the same whichever
engine made the pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from .action import Action
from .checks import luhn, mod97
from .context import Words, named
from .expression import read
from .finding import VERIFIED, Span
from .matcher_re2 import compiled
from .policy import Policy
from .sections import DENIED, Check
from .shadow import Shadow
from .trigger import Matcher, Trigger
from .word_list import WordList, gate, plain

SCORE: Final = 0.97
"""Of what a rule found without check digits: somebody asked for it by name."""
_SEPARATORS: Final = re.compile(r"[^0-9A-Za-z]")


@dataclass(frozen=True, slots=True)
class OwnRule:
    """One rule ready to be compiled: what `expression` matches is of type `kind`, or what is one of the `words`, which stand
    alone and are in any case. The matcher looks for the `gates`: the expression itself, or how words begin."""

    kind: str
    expression: str
    words: tuple[str, ...]
    gates: tuple[str, ...]
    check: str = Check.NONE.value
    context: tuple[str, ...] = ()
    path: str = ""
    """Of the field of the policy that it was made of."""


def own_rules(policy: Policy) -> tuple[OwnRule, ...]:
    """Those of a valid policy that are looked for: custom ones in its order, then what it denies."""
    rules: list[OwnRule] = []
    words: tuple[str, ...]
    gates: tuple[str, ...]
    for index, rule in enumerate(policy.custom):
        if policy.action(rule.label) is Action.ALLOW:
            continue
        if rule.pattern:
            found = read(rule.pattern, caseless="i" in rule.flags, dot_all="s" in rule.flags)
            expression, words, gates, path = found.text, (), (found.text,), f"custom.{index}.pattern"
        else:
            expression, (words, gates), path = "", _words(rule.words), f"custom.{index}.words"
        rules.append(OwnRule(rule.label, expression, words, gates, rule.check.value, rule.context, path))
    if policy.action(DENIED) is not Action.ALLOW:
        if policy.deny.values:
            rules.append(OwnRule(DENIED, "", *_words(policy.deny.values), path="deny.values"))
        for index, pattern in enumerate(policy.deny.patterns):
            text = read(pattern).text
            rules.append(OwnRule(DENIED, text, (), (text,), path=f"deny.patterns.{index}"))
    return tuple(rules)


def _words(words: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words as they are looked up, and how they begin."""
    looked_up = tuple(map(plain, words))
    return looked_up, tuple(dict.fromkeys(map(gate, looked_up)))


def allowed(policy: Policy) -> str:
    """The expression of what a valid policy's patterns allow; empty if they allow nothing."""
    return "|".join(read(pattern).text for pattern in policy.allow.patterns)


def triggers(rules: tuple[OwnRule, ...]) -> list[Trigger]:
    """What the matcher has to look for: each gate of each rule, in order. Of an expression, only whether it is there."""
    return [Trigger(gate, caseless=bool(rule.words), once=not rule.words) for rule in rules for gate in rule.gates]


class OwnScanner:
    """Finds what `rules` describe. Serves every thread."""

    __slots__ = ("_context", "_expressions", "_lists", "_matcher", "_rule_of", "_rules")

    def __init__(self, rules: tuple[OwnRule, ...], matcher: Matcher) -> None:
        """`matcher` looks for the `triggers` of the rules."""
        self._rules = rules
        self._matcher = matcher
        self._rule_of = [index for index, rule in enumerate(rules) for _ in rule.gates]
        # Made when a rule is first there: an expression takes some 50 µs, and a policy may have a hundred.
        self._context: list[Words | None] = [None] * len(rules)
        self._expressions: list[Any] = [None] * len(rules)
        self._lists: list[WordList | None] = [None] * len(rules)

    def spans(self, shadow: Shadow) -> list[Span]:
        """Findings of all rules, in no order. Raises MatcherError."""
        return [span for index, start, end in self.matches(shadow) for span in self._judged(index, start, end, shadow)]

    def matches(self, shadow: Shadow) -> Iterator[tuple[int, int, int]]:
        """Index of a rule, start and end of everything that its expression or its words match. Raises MatcherError."""
        starts: dict[int, list[int]] = {}
        for gate_index, start, _ in self._matcher.hits(shadow.data):
            starts.setdefault(self._rule_of[gate_index], []).append(start)
        for index, begun in starts.items():
            found = (
                self._looked_up(index, sorted(begun), shadow)
                if self._rules[index].words
                else self._measured(index, shadow)
            )
            for start, end in found:
                yield index, start, end

    def _judged(self, index: int, start: int, end: int, shadow: Shadow) -> Iterator[Span]:
        rule, score = self._rules[index], SCORE
        if rule.check != Check.NONE:
            if not _consistent(rule.check, shadow.text[start:end]):
                return
            score = VERIFIED
        if not rule.context or named(shadow.text, start, end, self._announcing(index)):
            yield start, end, rule.kind, score, "rules"

    def _measured(self, index: int, shadow: Shadow) -> Iterator[tuple[int, int]]:
        expression = self._expressions[index]
        if expression is None:
            expression = self._expressions[index] = measuring(self._rules[index])
        for found in expression.finditer(shadow.data):
            yield found.span()

    def _looked_up(self, index: int, starts: Sequence[int], shadow: Shadow) -> Iterator[tuple[int, int]]:
        words = self._lists[index]
        if words is None:
            words = self._lists[index] = WordList(self._rules[index].words)
        done = 0
        for start in starts:
            end = words.at(shadow.text, start) if start >= done else None
            if end is not None:
                done = end
                yield start, end

    def _announcing(self, index: int) -> Words:
        made = self._context[index]
        if made is None:
            made = self._context[index] = Words(*self._rules[index].context)
        return made


def measuring(rule: OwnRule) -> Any:
    """The RE2 expression that measures a rule's matches. Raises MatcherError."""
    return compiled(rule.expression.encode("latin-1"), longest=True)


def _consistent(check: str, value: str) -> bool:
    bare = _SEPARATORS.sub("", value).upper()
    if check == Check.LUHN:
        digits = "".join(character for character in bare if character.isdigit())
        return len(digits) > 1 and luhn(digits)
    # Either order of the same sum: `mod97` reads the first four characters last.
    return len(bare) > 4 and (mod97(bare) or mod97(bare[-4:] + bare[:-4]))
