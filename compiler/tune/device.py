"""What this machine is, as far as it decides which kernel is fastest."""

from __future__ import annotations

import importlib.util
import os
import platform
from dataclasses import dataclass
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_NVIDIA = Path("/proc/driver/nvidia/version")
_AMD = Path("/sys/module/amdgpu/version")
_X86 = """
sse4_1 sse4_2 avx f16c fma avx2 avx_vnni avx512f avx512dq avx512bw avx512vl avx512_vnni avx512_bf16 avx512_fp16
avx512_vbmi avx512_vbmi2 amx_tile amx_int8 amx_bf16 amx_fp16
"""
_ARM = "asimd asimddp asimdhp bf16 i8mm sve sve2 svebf16 svei8mm sme"
_SETS = frozenset(f"{_X86} {_ARM}".split())
"""What kernels are written for. Flags that no kernel asks about would only make two equal machines differ."""
_UNKNOWN_CACHE = 64 << 20


class NoDevice(Exception):
    """The device that was asked for is not here; the message says what was looked for."""


@dataclass(frozen=True, slots=True)
class Device:
    """A processor. Two that are equal run the same kernel equally fast."""

    kind: str
    """`cpu`, `cuda` or `hip`."""
    name: str
    """The model, with family, model and stepping on x86: hypervisors often hide the rest."""
    features: tuple[str, ...]
    """Instruction sets that kernels are written for, or the architecture: `sm_90`, `gfx942`. Sorted."""
    units: int
    """Cores that this process may use, or multiprocessors."""
    threads: int
    """Threads that kernels are run with; 1 on a GPU."""
    clock: int
    """Highest memory clock in kHz; 0 on a CPU and where torch does not tell."""
    driver: str
    """Version of the driver; empty on a CPU, which has none."""


def cpu(threads: int | None = None) -> Device:
    """The processor that this process runs on. `threads` is what kernels will use, all usable cores unless given."""
    facts = _cpuinfo()
    cores = usable_cores()
    numbers = [f"{word} {facts[key]}" for word, key in _STEPPINGS if key in facts]
    model = facts.get("model name") or f"{platform.machine()} {facts.get('CPU implementer', '')}".strip()
    flags = set((facts.get("flags") or facts.get("Features") or "").split())
    return Device("cpu", " ".join([model, *numbers]), tuple(sorted(flags & _SETS)), cores, threads or cores, 0, "")


def cuda(index: int = 0) -> Device:
    """GPU number `index` as torch sees it, NVIDIA's or AMD's. Raises NoDevice where torch or the GPU is missing."""
    if importlib.util.find_spec("torch") is None:
        raise NoDevice("torch is not installed, and a GPU is looked for through torch: pip install torch")
    import torch

    if not torch.cuda.is_available() or index >= torch.cuda.device_count():
        raise NoDevice(f"torch {torch.__version__} sees {torch.cuda.device_count()} GPUs, number {index} was asked for")
    facts = torch.cuda.get_device_properties(index)
    hip = torch.version.hip is not None
    architecture = str(facts.gcnArchName) if hip else f"sm_{facts.major}{facts.minor}"
    clock = int(getattr(facts, "memory_clock_rate", 0))
    driver = _first_line(_AMD) if hip else _nvidia_driver()
    kind = "hip" if hip else "cuda"
    return Device(kind, facts.name, (architecture,), facts.multi_processor_count, 1, clock, driver)


def usable_cores() -> int:
    """Cores that the scheduler lets this process use: its affinity, and a container's quota rounded up."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _first_line(_QUOTA).partition(" ")
    return min(affinity, -(-int(quota) // int(period))) if quota.isdigit() and period.isdigit() else affinity


def last_level_cache() -> int:
    """Bytes of the largest cache of the first core; 64 MiB where the system does not tell, which is more than most have."""
    sizes = [_first_line(path) for path in _CACHES.glob("index*/size")]
    known = [
        int(size[:-1]) << {"K": 10, "M": 20}[size[-1]] for size in sizes if size[:-1].isdigit() and size[-1] in "KM"
    ]
    return max(known, default=_UNKNOWN_CACHE)


_STEPPINGS = (
    ("family", "cpu family"),
    ("model", "model"),
    ("stepping", "stepping"),
    ("part", "CPU part"),
    ("variant", "CPU variant"),
)


def _cpuinfo() -> dict[str, str]:
    """The first core's facts; a machine without /proc answers none."""
    if not _CPUINFO.exists():
        return {"model name": platform.processor() or platform.machine()}
    first, _, _ = _CPUINFO.read_text().partition("\n\n")
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _nvidia_driver() -> str:
    """`580.159.03` from the kernel's module; else the CUDA version that the driver speaks, `cuda 13000`."""
    words = _first_line(_NVIDIA).split()
    known = next((word for word in words if word[:1].isdigit() and "." in word), None)
    if known is not None:
        return known
    import torch

    return f"cuda {torch._C._cuda_getDriverVersion()}"  # type: ignore[attr-defined]  # builds for CUDA alone have it


def _first_line(path: Path) -> str:
    return path.read_text().partition("\n")[0].strip() if path.exists() else ""
