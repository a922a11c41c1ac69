"""A policy at work: what of the findings counts, what is allowed all the same, and what is found beside them."""

from __future__ import annotations

from typing import Any

from .action import Action
from .announcing import ANNOUNCING
from .context import named
from .finding import VERIFIED, Span
from .languages import countries_of
from .matcher_re2 import compiled
from .own_rules import OwnScanner
from .patterns import Pattern, Verified
from .policy import Policy
from .resolve import resolve
from .sections import DENIED
from .shadow import Shadow
from .word_list import plain


class Rules:
    """The judge that a scanner asks (`scan.Judge`). Immutable; serves every thread."""

    __slots__ = (
        "_allowed",
        "_countries",
        "_domains",
        "_expression",
        "_flagged",
        "_least",
        "_own",
        "_patterns",
        "_values",
        "_wanted",
    )

    def __init__(self, policy: Policy, own: OwnScanner | None, allowed: str) -> None:
        """`own` finds the policy's own rules, None if there are none; `allowed` is `own_rules.allowed` of it."""
        self._own = own
        self._countries = frozenset(policy.countries or countries_of(policy.languages))
        self._least = {kind: entity.min_score for kind, entity in policy.entities.items() if entity.min_score}
        self._wanted = {kind: ANNOUNCING[kind] for kind, entity in policy.entities.items() if entity.context_required}
        self._domains = frozenset(policy.allow.domains)
        self._values = policy.allow.values
        self._expression = allowed
        # Both are made when there is a first finding that may be allowed.
        self._allowed: frozenset[str] | None = None
        self._patterns: Any = None
        self._flagged = frozenset(kind for kind in policy.kinds if policy.action(kind) is Action.FLAG)

    @property
    def finds(self) -> bool:
        """Whether it looks for something itself."""
        return self._own is not None

    @property
    def idle(self) -> bool:
        """Whether it would let every finding pass and add none."""
        return not (
            self._own
            or self._countries
            or self._least
            or self._wanted
            or self._values
            or self._domains
            or self._expression
        )

    def keeps(self, pattern: Pattern, shadow: str, value: Verified) -> bool:
        """Whether the value that `pattern` found counts. Check digits count everywhere."""
        start, end, score = value
        kind = pattern.type
        if score < self._least.get(kind, 0.0):
            return False
        if score < VERIFIED and pattern.country and self._countries and pattern.country not in self._countries:
            return False
        words = self._wanted.get(kind)
        return words is None or named(shadow, start, end, words)

    def complete(self, spans: list[Span], shadow: Shadow) -> list[Span]:
        """`spans` resolved, without what is allowed, with what the policy itself looks for. Raises MatcherError."""
        if self._least:
            spans = [span for span in spans if span[3] >= self._least.get(span[2], 0.0)]
        own = self._own.spans(shadow) if self._own else []
        denied = [span for span in own if span[2] == DENIED]
        spans = [*spans, *(span for span in own if span[2] != DENIED)]
        resolved = [span for span in resolve(spans, shadow.text) if not self._allows(span, shadow.text)]
        return self._with(denied, resolved, shadow.text) if denied else resolved

    def _with(self, denied: list[Span], spans: list[Span], shadow: str) -> list[Span]:
        """What is denied counts also inside of what is allowed, or stays in the text because it is only flagged."""
        flagged = [span for span in spans if span[2] in self._flagged]
        replaced = resolve([span for span in spans if span[2] not in self._flagged] + denied, shadow)
        free = [span for span in flagged if not any(span[0] < end and start < span[1] for start, end, *_ in replaced)]
        return sorted(replaced + free)

    def _allows(self, span: Span, shadow: str) -> bool:
        start, end, kind, *_ = span
        value = shadow[start:end]
        if self._values:
            if self._allowed is None:
                self._allowed = frozenset(map(plain, self._values))
            if " ".join(value.lower().split()) in self._allowed:
                return True
        if self._expression:
            if self._patterns is None:
                self._patterns = compiled(self._expression.encode("latin-1"), longest=True)
            if self._patterns.fullmatch(value.encode("latin-1")):
                return True
        if not self._domains or kind != "EMAIL":
            return False
        domain = value.rpartition("@")[2].lower()
        while domain:
            if domain in self._domains:
                return True
            domain = domain.partition(".")[2]
        return False
