"""The most memory that a process held while something ran."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_RESET_PEAK = "5"
_OWN = Path("/proc/self")


@dataclass(slots=True)
class Peak:
    """Bytes; 0 until the measured part has ended, and where the system does not tell."""

    resident: int = 0
    device: int = 0
    """Of torch's allocator on the current GPU; 0 without one."""


@contextmanager
def peak_memory(process: int | None = None) -> Iterator[Peak]:
    """Of this process, or of the one with that id, of the same user: the kernel's own high-water mark, set back first, so that no
    short peak slips through. A device's is of this process alone."""
    peak = Peak()
    place = _OWN if process is None else Path(f"/proc/{process}")
    if (place / "clear_refs").exists():
        (place / "clear_refs").write_text(_RESET_PEAK)
    cuda = _cuda()
    if cuda is not None:
        cuda.reset_peak_memory_stats()
    yield peak
    peak.resident = told(place / "status", "VmHWM")
    if cuda is not None:
        peak.device = int(cuda.max_memory_allocated())


def resident_bytes() -> int:
    """What this process has in memory now; 0 where the system does not tell."""
    return told(_OWN / "status", "VmRSS")


def told(file: Path, name: str) -> int:
    """Bytes that a file of /proc gives under `name`; 0 where there is no such file, or line."""
    if not file.exists():
        return 0
    lines = (line.split() for line in file.read_text().splitlines() if line.startswith(f"{name}:"))
    return next((int(words[1]) << 10 for words in lines), 0)


def _cuda():  # type: ignore[no-untyped-def]  # a module, and only where torch is loaded and uses a GPU
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None
