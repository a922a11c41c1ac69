"""Many inputs, few calls of the module: the engine's synchronous face."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from torch import nn

from inference.engine.library.cache import CacheManager
from inference.engine.library.config import InferenceOptConfig
from inference.engine.library.errors import ConfigError, InferenceError, NonFiniteOutput
from inference.engine.library.memory import MemoryOptimizer
from inference.engine.library.padding import Padding, following, lengths_of
from inference.engine.library.read_ahead import ReadAhead
from inference.engine.library.result import InferenceResult
from inference.engine.library.rows import Output, Row, stack
from inference.engine.library.runner import ModuleRunner

MOST_KINDS = 1024
"""Kinds of input whose batching is remembered."""


class BatchInferenceEngine:
    """Answers inputs of one module in batches. An input is one example without the batch dimension: a tensor, or a tree of
    tensors; its answer is `module(input[None])[0]`, but for rounding.

    Inputs of equal structure, shapes and types are stacked. The first time that a kind of input is batched, the first and the last
    row are compared with the same inputs alone: where they differ (a module that mixes rows, or has none), inputs of that kind
    are run one by one from then on. An input that the module raises for, or whose answer has a NaN, fails alone. Thread-safe: one
    call at a time.
    """

    def __init__(
        self,
        model: nn.Module,
        config: InferenceOptConfig | None = None,
        *,
        cache: CacheManager | None = None,
        padding: Padding | None = None,
    ) -> None:
        """`cache` may be shared between engines; without one the engine makes its own from `config` where that enables it.
        `padding` lets inputs of different lengths share a batch, where a check has found the module's answers to be the same.
        Raises ConfigError, also where the module does not take the padding's mask."""
        self.config = config if config is not None else InferenceOptConfig()
        self.runner = ModuleRunner(model, self.config)
        if self.config.gradient_checkpointing:
            MemoryOptimizer(model, self.config).enable_gradient_checkpointing()
        self._own_cache = cache is None and self.config.enable_cache
        if self._own_cache:
            cache = CacheManager(
                l1_mb=self.config.l1_cache_mb, l2_mb=self.config.l2_cache_mb, device=self.runner.device
            )
        self.cache = cache if self.config.enable_cache else None
        self._lock = threading.RLock()
        self._batchable: dict[Any, bool] = {}
        self._padding = padding
        if padding is not None and not self.runner.takes(padding.mask):
            raise ConfigError([f"padding: the module's forward takes no {padding.mask}"])
        self._following: dict[Any, tuple[bool, ...] | None] = {}
        """By group, which outputs follow the length; None where padding would change the answers."""
        self.calls = 0
        """Calls of the module, those of warm-up and checks included."""

    @property
    def fallbacks(self) -> dict[str, str]:
        """Sub-modules that half precision was too narrow for, and the type each has instead."""
        return self.runner.fallbacks

    def infer_batch(self, inputs: Sequence[Any], *, workspace: str = "default") -> list[InferenceResult]:
        """The result of each input, in their order."""
        return self.infer_mixed([(workspace, value) for value in inputs])

    def infer_mixed(self, inputs: Sequence[tuple[str, Any]]) -> list[InferenceResult]:
        """As `infer_batch`, for pairs of workspace and input: workspaces share batches, never a cached answer."""
        with self._lock:
            version = self._version()
            epochs: dict[str, int] = {}
            if self.cache is not None:
                epochs = {workspace: self.cache.epoch(workspace) for workspace, _ in inputs}
            results: list[InferenceResult | None] = [None] * len(inputs)
            keys: dict[int, bytes] = {}
            groups: dict[Any, list[tuple[int, Row]]] = {}
            for number, (workspace, value) in enumerate(inputs):
                try:
                    row = Row(value)
                    if self.cache is not None:
                        keys[number] = self.cache.key_for(value, workspace=workspace)
                        kept = self.cache.get(keys[number], workspace=workspace, version=version)
                        if kept is not None:
                            results[number] = InferenceResult(kept["output"], cached=True)
                            continue
                    groups.setdefault(self.group_of(row), []).append((number, row))
                except InferenceError as error:
                    results[number] = InferenceResult(error=error)
            for name, group in groups.items():
                for start in range(0, len(group), self.config.max_batch_size):
                    part = group[start : start + self.config.max_batch_size]
                    for (number, _), result in zip(part, self._run_group(name, [row for _, row in part]), strict=True):
                        results[number] = result
                        if self.cache is not None and result.error is None:
                            workspace = inputs[number][0]
                            # In a dict, so that an output of None is told from a miss.
                            self.cache.put(
                                keys[number],
                                {"output": result.output},
                                workspace=workspace,
                                version=version,
                                epoch=epochs[workspace],
                            )
            return [result for result in results if result is not None]

    def infer_stream(
        self, inputs: Iterable[Any], *, workspace: str = "default", look_ahead: int | None = None
    ) -> Iterator[InferenceResult]:
        """The results of an iterable in its order, each as soon as its batch is done.

        With `enable_async` a thread reads up to `look_ahead` inputs (default: two batches) while the module computes, and a batch
        is whatever has been read, so that a slow source is not waited for; else a whole batch is read, then answered. What the
        iterable raises is raised after the results of what it gave before.
        """
        if self.config.enable_async:
            ahead = ReadAhead(inputs, look_ahead or 2 * self.config.max_batch_size)
            try:
                while part := ahead.take(self.config.max_batch_size):
                    yield from self.infer_batch(part, workspace=workspace)
            finally:
                ahead.stop()
            return
        source = iter(inputs)
        failure: Exception | None = None
        while failure is None:
            part = []
            try:
                part.extend(islice(source, self.config.max_batch_size))
            except Exception as error:  # noqa: BLE001  # raised below, after what was read before it
                failure = error
            if not part:
                break
            yield from self.infer_batch(part, workspace=workspace)
        if failure is not None:
            raise failure

    def warmup(self, sample_input: Any, n_warmup: int | None = None) -> None:
        """Runs one input in batches of 1, `batch_size` and `max_batch_size`, each `n_warmup` times (default: `warmup_steps`), past
        the cache. Raises InferenceError where the module cannot answer it."""
        with self._lock:
            self._version()
            row = Row(sample_input)
            for size in sorted({1, self.config.batch_size, self.config.max_batch_size}):
                for _ in range(self.config.warmup_steps if n_warmup is None else n_warmup):
                    self._run([row] * size)[0].unwrap()

    def invalidate(self) -> None:
        """Has the module read anew for changes that do not show (see `ModelVersion`)."""
        with self._lock:
            self.runner.refresh(reread=True)

    def close(self) -> None:
        """Wipes the cache, unless it was given."""
        if self._own_cache and self.cache is not None:
            self.cache.close()

    def _version(self) -> str:
        """The module's version; what is cached of another one is forgotten."""
        before, weights = self.runner.version, self.runner.weights
        version = self.runner.refresh()
        if self.runner.weights != weights:
            self._batchable.clear()
            self._following.clear()
        if before and version != before and self.cache is not None:
            self.cache.invalidate(version=before)
        return version

    def group_of(self, row: Row) -> Any:
        """What the inputs of one batch have in common."""
        length = None if self._padding is None else self._padding.length(row)
        if self._padding is None or length is None:
            return row.signature
        group = self._padding.group(row, length)
        return group if self._following.get(group, ()) is not None else row.signature

    def _run_group(self, name: Any, rows: list[Row]) -> list[InferenceResult]:
        """The results of rows of one group, padded where their lengths differ and that changes nothing."""
        if len({row.signature for row in rows}) == 1:
            return self._run(rows)
        results = self._run_padded(name, rows)
        # What has no answer may have lost it to its company or to what was padded.
        again: dict[Any, list[int]] = {}
        for number, row in enumerate(rows):
            if results[number].error is not None:
                again.setdefault(row.signature, []).append(number)
        for numbers in again.values():
            for number, result in zip(numbers, self._run([rows[n] for n in numbers]), strict=True):
                results[number] = result
        return results

    def _run_padded(self, name: Any, rows: list[Row]) -> list[InferenceResult]:
        none = [InferenceResult(error=InferenceError("not answered in a padded batch"))] * len(rows)
        if self._padding is None or self._following.get(name, ()) is None:
            return none
        lengths = lengths_of(self._padding, rows)
        longest = max(lengths)
        padded = [self._padding.padded(row, length, longest) for row, length in zip(rows, lengths, strict=True)]
        try:
            output = self._call(padded)
            output.lengths = lengths
            if name not in self._following:
                shortest = lengths.index(min(lengths))
                alone = self._call([rows[shortest]])
                output.follows = following(output, alone, lengths[shortest], longest)
                same = output.agrees(shortest, alone)
                _remember(self._following, name, output.follows if same else None)
            follows = self._following[name]
            if follows is None:
                return none
            output.follows = follows
            return self._finished(padded, output)
        except Exception:  # noqa: BLE001  # whichever input it belongs to raises it again in a batch of its own length
            return none

    def _run(self, rows: list[Row]) -> list[InferenceResult]:
        """The results of rows with one signature."""
        kind = rows[0].kind
        if len(rows) > 1 and self._batchable.get(kind) is False:
            return [result for row in rows for result in self._run([row])]
        try:
            output = self._call(rows)
            if len(rows) > 1 and kind not in self._batchable and not self._check(kind, rows, output):
                return self._run(rows)
            return self._finished(rows, output)
        except Exception as error:  # noqa: BLE001  # whatever a module raises belongs to the input it raised for
            if len(rows) > 1:
                half = len(rows) // 2
                return [*self._run(rows[:half]), *self._run(rows[half:])]
            if not isinstance(error, InferenceError):
                failure = InferenceError(f"the module raised {type(error).__name__} for this input; see the cause")
                failure.__cause__ = error
                error = failure
            return [InferenceResult(error=error)]

    def _call(self, rows: list[Row]) -> Output:
        self.calls += 1
        return Output(self.runner(stack(rows)), len(rows))

    def _check(self, kind: Any, rows: list[Row], output: Output) -> bool:
        same = all(output.agrees(number, self._call([rows[number]])) for number in (0, len(rows) - 1))
        _remember(self._batchable, kind, same)
        return same

    def _finished(self, rows: list[Row], output: Output) -> list[InferenceResult]:
        count = len(rows)
        odd = output.rows_with(infinities=True, count=count)
        # An input that is itself not finite tells nothing about the precision.
        lost = [row for row, is_odd in zip(rows, odd, strict=True) if is_odd and row.finite]
        if lost and self.runner.repair(stack(lost)):
            again = self._call(rows)
            again.follows, again.lengths = output.follows, output.lengths
            output = again
        bad = output.rows_with(infinities=False, count=count) if any(odd) else odd
        return [
            InferenceResult(
                error=NonFiniteOutput("the answer to this input holds a NaN; check the input and the model's weights")
            )
            if bad[number]
            else InferenceResult(output.row(number), batch_size=count)
            for number in range(count)
        ]


def _remember(memory: dict[Any, Any], name: Any, what: Any) -> None:
    if len(memory) >= MOST_KINDS:
        memory.pop(next(iter(memory)))
    memory[name] = what
