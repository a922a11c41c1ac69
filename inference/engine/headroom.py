"""How much more memory this process could have before the system takes some away."""

from __future__ import annotations

from pathlib import Path

from compiler.bench.memory import told

_SYSTEM = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")


def headroom_bytes(group: Path = _GROUP) -> int | None:
    """What the machine has left, or less where the process's control group (version 2) may have less. None where the system does
    not tell."""
    left = [told(_SYSTEM, "MemAvailable")] if _SYSTEM.exists() else []
    try:
        limit = (group / "memory.max").read_text().strip()
        if limit != "max":
            left.append(max(0, int(limit) - int((group / "memory.current").read_text())))
    except (OSError, ValueError):
        pass  # no such group, or an older system's
    return min(left, default=None)
