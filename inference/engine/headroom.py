"""How much memory this process holds, and how much more it could have before the system takes some away."""

from __future__ import annotations

from pathlib import Path

_STATUS, _SYSTEM = Path("/proc/self/status"), Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")


def resident_bytes() -> int:
    """0 where the system does not tell."""
    return _found(_STATUS, "VmRSS:")


def headroom_bytes(group: Path = _GROUP) -> int | None:
    """What the machine has left, or less where the process's control group (version 2) may have less. None where the system does
    not tell."""
    left = [_found(_SYSTEM, "MemAvailable:")] if _SYSTEM.exists() else []
    try:
        limit = (group / "memory.max").read_text().strip()
        if limit != "max":
            left.append(max(0, int(limit) - int((group / "memory.current").read_text())))
    except (OSError, ValueError):
        pass  # no such group, or an older system's
    return min(left, default=None)


def _found(file: Path, name: str) -> int:
    if not file.exists():
        return 0
    lines = (line.split() for line in file.read_text().splitlines() if line.startswith(name))
    return next((int(words[1]) << 10 for words in lines), 0)
