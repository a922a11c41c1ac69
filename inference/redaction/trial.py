"""``python -m inference.redaction.trial``: the process of `admission`. A policy's JSON comes in on standard input; out goes
the compiled policy, or with status 1 a JSON list of paths and problems. What it is at is written to standard error as ``> path``.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from collections.abc import Iterator
from time import process_time
from typing import Final

from .admission import MEMORY_BYTES, RULE_CPU_S, WHOLE_CPU_S
from .compiled_policy import CompiledPolicy
from .expression import read
from .matcher import matcher
from .matcher_re2 import compiled
from .own_rules import OwnRule, OwnScanner, measuring, own_rules, triggers
from .policy import Policy
from .policy_json import read_policy
from .shadow import Shadow
from .trial_texts import HOSTILE_BYTES, ORDINARY
from .trigger import MatcherError

MOST_MATCHES_PER_KB: Final = 1000
"""In any text."""
MOST_ORDINARY_MATCHES_PER_KB: Final = 20
"""In ordinary text: what matches more often is no kind of value."""
LEAST_BYTES_PER_S: Final = 50e6
MATCH_S: Final = 20e-6
"""Processor time that a match may take beside: making a finding of it costs more than finding it."""
LARGEST_DATABASE: Final = 8 << 20
"""Bytes."""
_NOT_COMPILED: Final = "cannot be compiled: it is too large, or something follows a $"
_TRIES: Final = 6


def main() -> int:
    """0 with the compiled policy on standard output, 1 with what is wrong."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (WHOLE_CPU_S, WHOLE_CPU_S))
    policy = Policy(**read_policy(sys.stdin.buffer.read(), checking=False))
    problems = list(_problems(policy))
    if not problems:
        _at("policy")
        whole = CompiledPolicy.compile(policy)
        if whole.size <= LARGEST_DATABASE:
            sys.stdout.buffer.write(whole.dump())
            return 0
        size = f"{whole.size / (1 << 20):.1f} MB compiled; at most {LARGEST_DATABASE >> 20} MB are allowed"
        problems.append(("policy", f"its rules take {size}"))
    sys.stdout.write(json.dumps(problems))
    return 1


def _at(path: str) -> None:
    """Notes what comes next, and gives it its time; when that is over, the process is killed."""
    sys.stderr.write(f"> {path}\n")
    sys.stderr.flush()
    signal.setitimer(signal.ITIMER_PROF, RULE_CPU_S)


def _problems(policy: Policy) -> Iterator[tuple[str, str]]:
    samples = dict(_samples(policy))
    for rule in own_rules(policy):
        _at(rule.path)
        problem = _problem(rule, samples.get(rule.path))
        if problem is not None:
            yield rule.path, problem
    for index, pattern in enumerate(policy.allow.patterns):
        path = f"allow.patterns.{index}"
        _at(path)
        # It is only ever held against a single value.
        try:
            compiled(read(pattern).text.encode("latin-1"), longest=True)
        except MatcherError:
            yield path, _NOT_COMPILED


def _samples(policy: Policy) -> Iterator[tuple[str, tuple[bytes, bytes]]]:
    """By path, what each expression matches: short and long."""
    for index, rule in enumerate(policy.custom):
        if rule.pattern:
            found = read(rule.pattern, caseless="i" in rule.flags, dot_all="s" in rule.flags)
            yield f"custom.{index}.pattern", found.samples
    for index, pattern in enumerate(policy.deny.patterns):
        yield f"deny.patterns.{index}", read(pattern).samples


def _problem(rule: OwnRule, samples: tuple[bytes, bytes] | None) -> str | None:
    """Why `rule` is too costly; None if it is not. `samples` are of its expression; words are looked up, which takes about the
    same time whatever they are."""
    try:
        matching = matcher(triggers((rule,)))
        matching.compile()
        if matching.size > LARGEST_DATABASE:
            return f"takes {matching.size / (1 << 20):.1f} MB compiled; at most {LARGEST_DATABASE >> 20} MB are allowed"
        if rule.expression:
            measuring(rule)
        scanner = OwnScanner((rule,), matching)
        for text in (ORDINARY, *(_hostile(samples) if samples else ())):
            ordinary = text is ORDINARY
            matches, seconds = _tried(scanner, Shadow(text.decode("latin-1"), text, ()))
            per_kb, most = (
                matches * 1024 // len(text),
                MOST_ORDINARY_MATCHES_PER_KB if ordinary else MOST_MATCHES_PER_KB,
            )
            where = "ordinary text" if ordinary else "a hostile text"
            if per_kb > most:
                return f"matches {per_kb} times in a KB of {where}; at most {most} are allowed, so ask for more"
            if samples and seconds > _allowed(len(text), matches):
                needed = f"{LEAST_BYTES_PER_S / 1e6:.0f} MB/s are needed, so make it simpler"
                return f"reads {len(text) / seconds / 1e6:.1f} MB/s of {where}; {needed}"
    except MatcherError:
        return _NOT_COMPILED
    return None


def _allowed(length: int, matches: int) -> float:
    """The processor time that `length` bytes with `matches` may take."""
    return length / LEAST_BYTES_PER_S + matches * MATCH_S


def _tried(scanner: OwnScanner, shadow: Shadow) -> tuple[int, float]:
    """Matches, and the least processor time of some tries, which end with the first that is fast enough: the first build
    automata, and another process may have been in the way."""
    least, matches = float("inf"), 0
    for _ in range(_TRIES):
        began = process_time()
        matches = sum(1 for _ in scanner.matches(shadow))
        least = min(least, process_time() - began)
        if least <= _allowed(len(shadow.data), matches):
            break
    return matches, least


def _hostile(samples: tuple[bytes, bytes]) -> Iterator[bytes]:
    """Texts of what nearly matches and of what matches all the time, made of the rule's own characters."""
    few, many = samples
    for unit in dict.fromkeys((few[:1], few, many, many[:-1], many[:-1] + b"!", many[1:], few + b" ")):
        if unit:
            yield (unit * (HOSTILE_BYTES // len(unit) + 1))[:HOSTILE_BYTES]


if __name__ == "__main__":
    sys.exit(main())
