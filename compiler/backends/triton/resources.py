"""What a launch takes of a multiprocessor, and which instructions it has become: known without a GPU, by compiling it.

Registers and stack of CUDA kernels are read from the binary with the `cuobjdump` that Triton brings, those of AMD's from the
assembly.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from compiler.backends.triton.capabilities import Capabilities
from compiler.backends.triton.launch import NoTriton, cache_in, load
from compiler.backends.triton.plans import Launch

MOST_REGISTERS = 255
"""That a thread of a CUDA device can have; AMD's have 512."""
_TYPES = {
    torch.float32: "*fp32",
    torch.float16: "*fp16",
    torch.bfloat16: "*bf16",
    torch.int64: "*i64",
    torch.int32: "*i32",
    torch.int16: "*i16",
    torch.int8: "*i8",
    torch.float8_e4m3fn: "*fp8e4nv",
    torch.bool: "*i1",
}
_CUDA = re.compile(r"REG:(\d+) STACK:(\d+)")
_HIP = re.compile(r"\.(vgpr_count|vgpr_spill_count|private_segment_fixed_size): +(\d+)")
_ALIGNED = [["tt.divisibility", 16]]
"""Of a pointer: what Triton finds out about tensors by itself when it launches."""


@dataclass(frozen=True, slots=True)
class Resources:
    registers: int
    """Of a thread."""
    stack: int
    """Bytes of a thread: registers that were spilled to memory, or tables of sines."""
    shared: int
    """Bytes of a program."""
    tensor_cores: bool
    """mma, wgmma, tcgen05 or mfma."""
    warpgroups: bool
    """wgmma."""
    async_copies: bool
    """cp.async, or copies by the tensor memory accelerator."""

    def problem(self, device: Capabilities) -> str | None:
        """Why nobody should run it on `device`, or None."""
        if self.shared > device.shared_bytes:
            return f"needs {self.shared} bytes of shared memory, there are {device.shared_bytes}"
        return f"spills {self.stack} bytes" if self.stack else None


def resources(launch: Launch, device: Capabilities, folder: Path) -> Resources:
    """Compiles `launch` for `device`; what was compiled before is in `folder`. Raises NoTriton, OSError, or what Triton raises."""
    compiled = compile_(launch, device, folder)
    text = compiled.asm["ptx" if device.kind == "cuda" else "amdgcn"]
    registers, stack = _cuda(compiled.asm["cubin"]) if device.kind == "cuda" else _hip(text)
    return Resources(
        registers,
        stack,
        int(compiled.metadata.shared),
        any(name in text for name in ("mma.sync", "wgmma.mma_async", "tcgen05.mma", "v_mfma")),
        "wgmma.mma_async" in text,
        "cp.async" in text,
    )


def compile_(launch: Launch, device: Capabilities, folder: Path) -> Any:
    """What Triton makes of a launch. Raises NoTriton, OSError, or what Triton raises."""
    kernel = load(launch, folder)
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource, compile  # noqa: A004  # as Triton calls it

    if not hasattr(kernel, "cache_key"):
        raise NoTriton(
            "TRITON_INTERPRET is set, and nothing is compiled in the interpreter; unset it, in a new process"
        )
    named = dict(zip(kernel.arg_names, launch.arguments, strict=False))
    missing = {name: None for name, argument in named.items() if argument is None}
    given = {name: _TYPES[argument.dtype] for name, argument in named.items() if argument is not None}
    signature = {name: given.get(name, "constexpr") for name in kernel.arg_names}
    aligned = {(kernel.arg_names.index(name),): _ALIGNED for name in given}
    with cache_in(folder):
        return compile(
            ASTSource(kernel, signature, {**missing, **launch.constants}, aligned),
            target=GPUTarget(device.kind, device.architecture, device.lanes),
            options={"num_warps": launch.warps, "num_stages": launch.stages},
        )


def _cuda(binary: bytes) -> tuple[int, int]:
    import triton

    tool = Path(triton.__file__).with_name("backends") / "nvidia" / "bin" / "cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(binary)
        file.flush()
        told = subprocess.run([tool, "--dump-resource-usage", file.name], capture_output=True, text=True, check=True)
    found = _CUDA.search(told.stdout)
    if found is None:
        raise OSError(f"{tool} says nothing of registers; another Triton is installed than pyproject.toml names")
    return int(found[1]), int(found[2])


def _hip(text: str) -> tuple[int, int]:
    found = {name: int(number) for name, number in _HIP.findall(text)}
    return found["vgpr_count"], max(4 * found["vgpr_spill_count"], found["private_segment_fixed_size"])
