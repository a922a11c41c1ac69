"""A policy compiled: what a saved policy is kept as, so that a process has it at work in milliseconds."""

from __future__ import annotations

import json
from dataclasses import astuple
from typing import Any, Final

from .errors import ScanFailed
from .matcher import loaded, matcher, platform
from .own_rules import OwnRule, OwnScanner, allowed, own_rules, triggers
from .policy import Policy
from .policy_json import read_policy
from .rules import Rules
from .trigger import Matcher, MatcherError

_MAGIC: Final = b"BWRP1\n"
"""Bailiwick redaction policy, first form of the bytes."""


class CompiledPolicy:
    """A policy and the rules that carry it out. Immutable; serves every thread.

    Its bytes hold the policy, its own rules as the engines read them, and their database, with the Vectorscan version and the
    processor features that it was made for. Built-in patterns are not in them: they are compiled once a process, whatever the
    policies are.
    """

    __slots__ = ("_allowed", "_matcher", "_own", "policy", "rules", "size")

    def __init__(self, policy: Policy, own: tuple[OwnRule, ...], allowed: str, matching: Matcher | None) -> None:
        """Use `compile` or `load`. `matching` looks for the triggers of `own`; None if there are none."""
        self.policy = policy
        self._own = own
        self._allowed = allowed
        self._matcher = matching
        self.rules = Rules(policy, OwnScanner(own, matching) if matching else None, allowed)
        """What a scanner asks."""
        self.size = matching.size if matching else 0
        """Bytes of its database in memory."""

    @classmethod
    def compile(cls, policy: Policy) -> CompiledPolicy:
        """Compiles here and now, without a budget: see `admission` for policies of others. Raises ScanFailed."""
        return cls._compiled(policy, own_rules(policy), allowed(policy))

    @classmethod
    def _compiled(cls, policy: Policy, own: tuple[OwnRule, ...], allowed: str) -> CompiledPolicy:
        try:
            matching = matcher(triggers(own)) if own else None
            if matching:
                matching.compile()
            return cls(policy, own, allowed, matching)
        except MatcherError as error:
            raise ScanFailed("compiling the policy", error) from None

    @classmethod
    def load(cls, data: bytes) -> CompiledPolicy:
        """What `dump` gave; compiled again if that was for another engine, version or processor. Raises ScanFailed."""
        magic, _, rest = data.partition(b"\n")
        made_for, _, rest = rest.partition(b"\n")
        head, _, database = rest.partition(b"\n")
        if magic + b"\n" != _MAGIC:
            raise ScanFailed("loading the policy", ValueError())
        document: dict[str, Any] = json.loads(head)
        policy = Policy(**read_policy(document["policy"], checking=False))
        own = tuple(
            OwnRule(kind, expression, tuple(words), tuple(gates), check, tuple(context), path)
            for kind, expression, words, gates, check, context, path in document["rules"]
        )
        if own and (made_for.decode() != platform() or not database):
            return cls._compiled(policy, own, document["allowed"])
        try:
            return cls(policy, own, document["allowed"], loaded(database) if own else None)
        except MatcherError:
            return cls._compiled(policy, own, document["allowed"])

    def dump(self) -> bytes:
        """What `load` reads. Raises ScanFailed."""
        try:
            database = self._matcher.dump() if self._matcher else b""
        except MatcherError as error:
            raise ScanFailed("keeping the policy", error) from None
        document = {
            "policy": self.policy.to_json(),
            "rules": [astuple(rule) for rule in self._own],
            "allowed": self._allowed,
        }
        return b"%b%b\n%b\n%b" % (_MAGIC, platform().encode(), json.dumps(document).encode(), database)
