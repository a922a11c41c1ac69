"""A small model that answers where it is sure, and a large one for the rest."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from inference.engine.library.batch import BatchInferenceEngine
from inference.engine.library.cache import CacheManager
from inference.engine.library.config import InferenceOptConfig
from inference.engine.library.errors import InferenceError
from inference.engine.library.pytree import flatten
from inference.engine.library.result import InferenceResult
from inference.engine.thresholds import NEVER, Adaptation, smallest

Confidence = Callable[[Any], float]
"""How sure a model is of one output, from 0 to 1."""
Agreement = Callable[[Any, Any], bool]
"""Whether an output is as expected."""


@dataclass(frozen=True, slots=True)
class Example:
    """An input without the batch dimension. `expected` is its class or classes; None takes the large model's word."""

    value: Any
    expected: Any = None


@dataclass(frozen=True, slots=True)
class CascadeStats:
    """Inputs since the cascade was made."""

    exits: int
    """Answered by the small model."""
    escalations: int
    """Given on to the large one, for want of confidence or because the small one failed."""
    failures: int
    """Of the escalations, those for which the small model failed."""


class Cascade:
    """Asks the small model first and gives its answer where its confidence is at least `threshold`; the others go to the large
    model as one batch. Thread-safe.

    With `enable_early_exit` off in `config` everything goes to the large model. `config` drives both engines.
    """

    def __init__(
        self,
        small: nn.Module,
        large: nn.Module,
        threshold: float | None = None,
        *,
        config: InferenceOptConfig | None = None,
        confidence: Confidence | None = None,
        cache: CacheManager | None = None,
    ) -> None:
        """`threshold` defaults to `config.confidence_threshold`, `confidence` to `max_softmax`. Raises ConfigError, and ValueError
        for a threshold that is no number."""
        self.config = config if config is not None else InferenceOptConfig()
        self.small = BatchInferenceEngine(small, self.config, cache=cache)
        self.large = BatchInferenceEngine(large, self.config, cache=cache or self.small.cache)
        self._confidence = confidence if confidence is not None else max_softmax
        self._lock = threading.Lock()
        self._exits = self._escalations = self._failures = 0
        self._threshold = 0.0
        self.threshold = self.config.confidence_threshold if threshold is None else threshold

    @property
    def threshold(self) -> float:
        """Least confidence of an exit; above 1 there is none."""
        return self._threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        if math.isnan(value):
            raise ValueError("threshold must be a number; nothing is at least NaN")
        self._threshold = float(value)

    def infer_batch(self, inputs: Sequence[Any], *, workspace: str = "default") -> list[InferenceResult]:
        """The result of each input, in their order; `answered_by` says whose it is."""
        threshold = self._threshold if self.config.enable_early_exit else NEVER
        results: list[InferenceResult] = []
        failures = 0
        if threshold <= 1:
            for result in self.small.infer_batch(inputs, workspace=workspace):
                failures += result.error is not None
                results.append(replace(result, answered_by="small"))
        unsure = [n for n in range(len(inputs)) if threshold > 1 or not self._sure(results[n], threshold)]
        answers = self.large.infer_batch([inputs[n] for n in unsure], workspace=workspace)
        large = {n: replace(answer, answered_by="large") for n, answer in zip(unsure, answers, strict=True)}
        with self._lock:
            self._exits += len(inputs) - len(unsure)
            self._escalations += len(unsure)
            self._failures += failures
        return [large[n] if n in large else results[n] for n in range(len(inputs))]

    def adapt(
        self,
        examples: Iterable[Example],
        accuracy_target: float,
        *,
        agree: Agreement | None = None,
        workspace: str = "default",
    ) -> Adaptation:
        """Sets the threshold from examples: the smallest at which the answers that the small model would give are as expected so
        often that the lower Wilson bound (95 %) of that share is at least `accuracy_target`. Where none reaches it, nothing exits.

        A share of 1 on n examples has the bound n / (n + 3.84), so a target of 0.95 takes at least 73 confident examples. They are
        not counted in `stats`. Raises ValueError for a target outside of 0 to 1.
        """
        if not 0 < accuracy_target < 1:
            raise ValueError("accuracy_target must be between 0 and 1")
        given = list(examples)
        small = self.small.infer_batch([example.value for example in given], workspace=workspace)
        asked = [n for n, example in enumerate(given) if example.expected is None]
        large = self.large.infer_batch([given[n].value for n in asked], workspace=workspace)
        words = dict(zip(asked, large, strict=True))
        compare = agree if agree is not None else same_classes
        scored: list[tuple[float, bool]] = []
        for n, (example, result) in enumerate(zip(given, small, strict=True)):
            expected = example.expected if n not in words else words[n].output
            score = -math.inf if result.error is not None else self._score(result)
            if score > -math.inf and not (n in words and words[n].error is not None):
                scored.append((score, compare(result.output, expected)))
        found = smallest(scored, accuracy_target, len(given))
        self.threshold = found.threshold
        return found

    @property
    def stats(self) -> CascadeStats:
        with self._lock:
            return CascadeStats(self._exits, self._escalations, self._failures)

    def close(self) -> None:
        """Wipes the engines' own caches."""
        self.small.close()
        self.large.close()

    def _sure(self, result: InferenceResult, threshold: float) -> bool:
        return result.error is None and self._score(result) >= threshold

    def _score(self, result: InferenceResult) -> float:
        score = float(self._confidence(result.output))
        return -math.inf if math.isnan(score) else score


def max_softmax(output: Any) -> float:
    """The largest probability of the first tensor of an output (`logits` of a dict that has it), logits along its last dimension;
    with more dimensions that of the least sure position. 0 where there are no logits."""
    logits = _logits(output)
    if logits.numel() == 0 or not logits.is_floating_point():
        return 0.0
    return float(torch.softmax(logits.float(), dim=-1).amax(dim=-1).min())


def same_classes(output: Any, expected: Any) -> bool:
    """Whether the classes with the largest logits are the expected ones: a number or a whole-number tensor of classes, or another
    output."""
    classes = _logits(output).argmax(dim=-1)
    if isinstance(expected, int):
        return bool((classes == expected).all())
    wanted = (
        expected if isinstance(expected, Tensor) and not expected.is_floating_point() else _logits(expected).argmax(-1)
    )
    return classes.shape == wanted.shape and bool((classes == wanted.to(classes.device)).all())


def _logits(output: Any) -> Tensor:
    logits = output.get("logits") if isinstance(output, dict) else None
    if isinstance(logits, Tensor):
        return logits
    for leaf in flatten(output)[0]:
        if leaf is not None:
            return leaf
    raise InferenceError("the output holds no tensor to take a confidence or a class from; give a function of your own")
