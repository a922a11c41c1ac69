"""The most memory that this process held while something ran."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_REFERENCES = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")
_RESET_PEAK = "5"


@dataclass(slots=True)
class Peak:
    """Bytes; 0 until the measured part has ended, and where the system does not tell."""

    resident: int = 0
    device: int = 0
    """Of torch's allocator on the current GPU; 0 without one."""


@contextmanager
def peak_memory() -> Iterator[Peak]:
    """The kernel's own high-water mark, set back first: no sampling that a short peak slips through."""
    peak = Peak()
    if _REFERENCES.exists():
        _REFERENCES.write_text(_RESET_PEAK)
    cuda = _cuda()
    if cuda is not None:
        cuda.reset_peak_memory_stats()
    yield peak
    peak.resident = _high_water()
    if cuda is not None:
        peak.device = int(cuda.max_memory_allocated())


def _high_water() -> int:
    if not _STATUS.exists():
        return 0
    lines = (line.split() for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return next((int(words[1]) << 10 for words in lines), 0)


def _cuda():  # type: ignore[no-untyped-def]  # a module, and only where torch is loaded and uses a GPU
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None
