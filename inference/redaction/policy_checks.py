"""What the sections of a policy have to fulfil together: rules that do not contradict each other, and limits of it all."""

from __future__ import annotations

from typing import Final

from .action import Action
from .fields import Problems
from .finding import TYPES
from .sections import DENIED, AllowList, CustomRule, DenyList

MOST_PATTERNS: Final = 100
MOST_WORDS: Final = 2000
"""In all of a policy: its rules, what it allows and what it denies."""


def check_rules(problems: Problems, rules: tuple[CustomRule, ...]) -> None:
    """Ids are unique; labels that placeholders could not tell apart are one label, and a label has one action."""
    ids: set[str] = set()
    labels = {kind.replace("_", ""): kind for kind in (*TYPES, DENIED)}
    actions: dict[str, Action | None] = {}
    for index, rule in enumerate(rules):
        if rule.id and rule.id in ids:
            problems.add(f"custom.{index}.id", "is the id of another rule; each needs its own")
        ids.add(rule.id)
        if labels.setdefault(rule.label.replace("_", ""), rule.label) != rule.label:
            problems.add(f"custom.{index}.label", "differs from another type or label by underscores only")
        if rule.label in TYPES and rule.action is not None:
            problems.add(f"custom.{index}.action", "is decided in `entities` for a label that is a type of its own")
        elif actions.setdefault(rule.label, rule.action) != rule.action:
            problems.add(f"custom.{index}.action", "differs from that of another rule with the same label")


def check_totals(problems: Problems, custom: tuple[CustomRule, ...], allow: AllowList, deny: DenyList) -> None:
    patterns = sum(bool(rule.pattern) for rule in custom) + len(allow.patterns) + len(deny.patterns)
    words = sum(len(rule.words) for rule in custom) + len(allow.values) + len(deny.values)
    if patterns > MOST_PATTERNS:
        problems.add("policy", f"has {patterns} patterns; at most {MOST_PATTERNS} are allowed")
    if words > MOST_WORDS:
        problems.add("policy", f"has {words} words and values; at most {MOST_WORDS} are allowed")
