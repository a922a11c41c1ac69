"""BIOES decoding: from a score for every label at every token to spans, by the best path of legal labels (Viterbi).

Labels are ``O``, ``B-X`` (begins a span of several tokens), ``I-X`` (inside), ``E-X`` (ends it) and ``S-X`` (a span of one token).
Models that know BIO only, without ``E-`` and ``S-``, are decoded by the rules of BIO, and older ones that have an ``I-X`` without a
``B-X`` by those of IOB1, where ``I-X`` may begin a span and ``B-X`` only parts it from one before. What makes the scores is not its
concern.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from operator import itemgetter

from .ner import NerSpan


class Decoder:
    """Decodes the token scores of one model. `labels` are its labels by index; both ``B-PER`` and ``B_PER`` are read.

    Raises ValueError for a label that is neither ``O`` nor of the scheme.
    """

    def __init__(self, labels: Sequence[str] | Mapping[int, str]) -> None:
        names = [labels[index] for index in range(len(labels))]
        self._tags = [_tag(name) for name in names]
        self._bio = not any(prefix in "ES" for prefix, _ in self._tags)
        inside, begins = ({label for prefix, label in self._tags if prefix == wanted} for wanted in "IB")
        self._loose = self._bio and not inside <= begins
        size = len(self._tags)
        if len(set(self._tags)) < size:
            raise ValueError("a label is there twice")
        # Indices of the labels that may stand before each label.
        self._before = [
            [first for first in range(size) if self._may_follow(self._tags[first], self._tags[second])]
            for second in range(size)
        ]
        self._legal = {(first, second) for second, before in enumerate(self._before) for first in before}
        self._may_begin = [prefix in ("OBI" if self._loose else "OBS") for prefix, _ in self._tags]
        self._may_end = [prefix in ("OBIS" if self._bio else "OES") for prefix, _ in self._tags]

    def _may_follow(self, first: tuple[str, str], second: tuple[str, str]) -> bool:
        inside = first[0] in "BI"
        if self._bio:
            return self._loose or second[0] != "I" or (inside and first[1] == second[1])
        return (second[0] in "IE") == inside and (not inside or first[1] == second[1])

    def path(self, logits: Sequence[Sequence[float]]) -> list[int]:
        """The best legal sequence of label indices for `logits` of shape (tokens, labels). O(tokens · labels²)."""
        if not logits:
            return []
        size = len(self._tags)
        if any(len(row) != size for row in logits):
            raise ValueError(f"every token needs {size} scores")
        tops = [row.index(max(row)) for row in logits] if isinstance(logits[0], list) else []
        if tops and self._is_legal(tops) and all(map(math.isfinite, map(max, logits))):
            return tops  # no other path can be better than the best label of every token, which is all that most texts need
        best = [score if allowed else -math.inf for score, allowed in zip(logits[0], self._may_begin, strict=True)]
        back: list[list[int]] = []
        for row in logits[1:]:
            origins = [max(before, key=best.__getitem__) if before else -1 for before in self._before]
            best = [
                best[origin] + score if origin >= 0 else -math.inf for origin, score in zip(origins, row, strict=True)
            ]
            back.append(origins)
        ends = [score if allowed else -math.inf for score, allowed in zip(best, self._may_end, strict=True)]
        state = max(range(size), key=ends.__getitem__)
        if math.isinf(ends[state]) or math.isnan(ends[state]):
            raise ValueError("no legal path has a finite score")
        path = [state]
        for origins in reversed(back):
            state = origins[state]
            path.append(state)
        path.reverse()
        return path

    def _is_legal(self, path: Sequence[int]) -> bool:
        return self._may_begin[path[0]] and self._may_end[path[-1]] and self._legal.issuperset(pairwise(path))

    def spans(
        self,
        logits: Sequence[Sequence[float]],
        offsets: Sequence[tuple[int, int]],
        words: Sequence[int] | None = None,
    ) -> list[NerSpan]:
        """The spans of one text. `offsets` are the characters of each token; those of special tokens are empty, ``(0, 0)``,
        and these tokens are left out. A span's score is the mean probability of its labels.

        `words` are the numbers of the tokens' words. Models of BIO were mostly trained to label a word at its first token and
        say nothing of use at the others: they are then decoded by words.
        """
        kept = [(row, place) for row, place in zip(logits, offsets, strict=True) if place[1] > place[0]]
        if words is not None and self._bio:
            kept = _by_words(kept, [word for word, place in zip(words, offsets, strict=True) if place[1] > place[0]])
        path = self.path([row for row, _ in kept])
        spans: list[NerSpan] = []
        first = 0
        for index, state in enumerate(path):
            prefix, label = self._tags[state]
            if prefix in "BS" or (prefix == "I" and not self._goes_on(path, index)):
                first = index
            if prefix == "O" or not self._closes(path, index):
                continue
            scores = [_probability(kept[token][0], path[token]) for token in range(first, index + 1)]
            spans.append(NerSpan(kept[first][1][0], kept[index][1][1], label, sum(scores) / len(scores)))
        return spans

    def _closes(self, path: Sequence[int], index: int) -> bool:
        if not self._bio:
            return self._tags[path[index]][0] in "ES"
        return index + 1 == len(path) or not self._goes_on(path, index + 1)

    def _goes_on(self, path: Sequence[int], index: int) -> bool:
        """Whether a label is of the span that the one before it is of."""
        prefix, label = self._tags[path[index]]
        return prefix in "IE" and index > 0 and self._tags[path[index - 1]] in (("B", label), ("I", label))


_Token = tuple[Sequence[float], tuple[int, int]]


def _by_words(tokens: Sequence[_Token], words: Sequence[int]) -> list[_Token]:
    """The scores of each word's first token, and the characters of all of it."""
    merged: list[_Token] = []
    for _, group in groupby(zip(tokens, words, strict=True), key=itemgetter(1)):
        inside = [token for token, _ in group]
        merged.append((inside[0][0], (inside[0][1][0], inside[-1][1][1])))
    return merged


def _tag(name: str) -> tuple[str, str]:
    """``("B", "PER")`` of ``B-PER``."""
    if name == "O":
        return "O", ""
    prefix, separator, label = name[:1], name[1:2], name[2:]
    if prefix not in ("B", "I", "E", "S") or separator not in ("-", "_") or not label:
        raise ValueError(f"{name}: not a label of BIOES or BIO")
    return prefix, label


def _probability(row: Sequence[float], index: int) -> float:
    """The softmax of a row at an index."""
    top = max(row)
    return math.exp(row[index] - top) / sum(math.exp(score - top) for score in row)
