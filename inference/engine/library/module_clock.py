"""Times every sub-module of a module while it runs, each moment counted for one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch
from torch import nn

ROOT = "(root)"
"""What the module itself is called; its own time is that of the operators in its `forward` outside of any sub-module."""


@dataclass(slots=True)
class Span:
    """One call of one sub-module. Times in seconds from the beginning of the run; `inside` is the time of the calls it made."""

    name: str
    parent: int
    start: float
    seconds: float
    inside: float = 0.0

    @property
    def own(self) -> float:
        return self.seconds - self.inside


class ModuleClock:
    """Watches a module while its hooks are in place. On CUDA it times with events on the device's stream, so that queueing the work
    is not taken for doing it."""

    def __init__(self, module: nn.Module) -> None:
        self._names: dict[nn.Module, str] = {}
        for name, sub in module.named_modules():
            self._names.setdefault(sub, name or ROOT)
        tensor = next(module.parameters(), None)
        self._cuda = tensor is not None and tensor.device.type == "cuda"
        self._handles: list[Any] = []
        self._open: list[int] = []
        self._marks: list[list[Any]] = []
        self.watcher: Callable[[str], None] | None = None
        """Told the innermost sub-module at each change."""

    def start(self) -> None:
        """Puts the hooks in place and begins a run."""
        self._marks.clear()
        self._open.clear()
        for sub in self._names:
            self._handles.append(sub.register_forward_pre_hook(self._enter, prepend=True))
            self._handles.append(sub.register_forward_hook(self._leave, always_call=True))

    def stop(self) -> list[Span]:
        """Removes the hooks; the calls of the run in the order of their start."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        return self._spans()

    def run(self, call: Callable[[], object]) -> list[Span]:
        """The calls that `call`, which runs the module, makes."""
        self.start()
        try:
            call()
        finally:
            spans = self.stop()
        return spans

    def _enter(self, sub: nn.Module, args: Any) -> None:
        self._marks.append([self._names[sub], self._open[-1] if self._open else -1, None, None])
        self._open.append(len(self._marks) - 1)
        if self.watcher is not None:
            self.watcher(self._names[sub])
        self._marks[-1][2] = self._now()

    def _leave(self, sub: nn.Module, args: Any, output: Any) -> None:
        now = self._now()
        if not self._open:
            return  # a call that began before the clock did
        self._marks[self._open.pop()][3] = now
        if self.watcher is not None and self._open:
            self.watcher(self._marks[self._open[-1]][0])

    def _now(self) -> Any:
        if not self._cuda:
            return perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def _spans(self) -> list[Span]:
        if self._cuda:
            torch.cuda.synchronize()
        spans: list[Span] = []
        for name, parent, start, end in self._marks:
            seconds = 0.0 if end is None else self._between(start, end)
            spans.append(Span(name, parent, self._between(self._marks[0][2], start), seconds))
            if parent >= 0:
                spans[parent].inside += seconds
        return spans

    def _between(self, start: Any, end: Any) -> float:
        return float(start.elapsed_time(end)) / 1e3 if self._cuda else float(end - start)
