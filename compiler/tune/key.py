"""Under what a winner is kept: everything that could make another candidate the fastest."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import metadata
from typing import Any

from compiler.tune import canonical
from compiler.tune.device import Device
from compiler.tune.space import Space

_TOKEN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/+*>×-]{0,127}")
"""Names, types and layouts: no spaces and no quotes, so that no text of a person's fits in a key."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Key:
    """Of a tuned operator. Make one with `key_of`; equal keys have equal hashes in every process."""

    operator: str
    shape: tuple[tuple[str, int], ...]
    """Sizes by name, sorted by name."""
    dtype: str
    layout: str
    device: Device
    libraries: tuple[tuple[str, str], ...]
    """Versions by distribution, sorted; `absent` where it is not installed."""
    source: str
    """SHA-256 of the kernel's source."""
    space: str
    """Fingerprint of the knobs."""

    @cached_property
    def exact(self) -> str:
        """SHA-256 of everything: a winner under it is used as it is."""
        return canonical.digest(self.fields())

    @cached_property
    def relaxed(self) -> str:
        """SHA-256 of all but the driver: a winner under it is a seed that must be validated again."""
        return canonical.digest({name: value for name, value in self.fields().items() if name != "driver"})

    def fields(self) -> dict[str, Any]:
        """As stored beside a winner, for people: plain JSON, the driver apart from the device."""
        device = asdict(self.device)
        return {
            "operator": self.operator,
            "shape": dict(self.shape),
            "dtype": self.dtype,
            "layout": self.layout,
            "driver": device.pop("driver"),
            "device": {**device, "features": list(self.device.features)},
            "libraries": dict(self.libraries),
            "source": self.source,
            "space": self.space,
        }

    def __str__(self) -> str:
        sizes = " ".join(f"{name}={size}" for name, size in self.shape)
        return f"{self.operator} {sizes} {self.dtype}"


def key_of(
    operator: str,
    shape: Mapping[str, int],
    *,
    dtype: str,
    device: Device,
    space: Space,
    source: str,
    layout: str = "contiguous",
    libraries: Iterable[str] = (),
) -> Key:
    """The key of `operator` at `shape`.

    `source` is a SHA-256, best `source_hash(...)` of every file that the kernel is made from; `libraries` are names of
    distributions whose versions count. Raises ValueError for a name with spaces, a size that is no whole number above zero,
    or another source than a hash: what came in a request has no way into a key.
    """
    named = [
        ("operator", operator),
        ("dtype", dtype),
        ("layout", layout),
        *(("the name of a size", size) for size in shape),
    ]
    for what, value in named:
        if not _TOKEN.fullmatch(value):
            raise ValueError(f"{what} must be one word of letters, digits and _.:/+*>×-, not {value!r}")
    for name, size in shape.items():
        if type(size) is not int or size < 1:
            raise ValueError(f"size {name} must be a whole number above zero, not {size!r}")
    if not _SHA256.fullmatch(source):
        raise ValueError("source must be a SHA-256 in hexadecimal; make it with source_hash(...)")
    versions = {name: library_version(name) for name in libraries}
    sizes = tuple(sorted(shape.items()))
    return Key(operator, sizes, dtype, layout, device, tuple(sorted(versions.items())), source, space.fingerprint)


def source_hash(*parts: str | bytes) -> str:
    """SHA-256 over the parts of a kernel's source, in order; each is told apart from the next."""
    hashed = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        hashed.update(len(data).to_bytes(8, "big") + data)
    return hashed.hexdigest()


def library_version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"
