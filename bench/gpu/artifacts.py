"""Whether what is compiled for a CUDA device is proven there, saved, and opened again: of models, and of a plain module.

Needs `cryptography` and `llguidance` beside torch, as the engine itself does.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from torch import nn

import compiler
from bench.gpu.checks import KERNELS, few_sizes
from bench.gpu.encoders import MINILM, checkpoint
from bench.peers import llama
from compiler.artifact.signature import ed25519_signer, ed25519_verifier
from inference.engine.blackbox import BlackBox
from inference.engine.deployment import Compiled, Version, Weights
from inference.engine.making import make
from inference.engine.served import LoadOptions, load_model


def decoder(model: str, weights: Weights) -> dict[str, Any]:
    """An artifact of the checkpoint: its parity, its measurements, and whether an engine runs it."""
    return _made(llama.checkpoint(model), model, weights)


def _made(source: Path, model: str, weights: Weights) -> dict[str, Any]:
    key = Ed25519PrivateKey.generate()
    with tempfile.TemporaryDirectory() as name:
        folder, began = Path(name), perf_counter()
        made = make(
            source,
            folder / "artifacts",
            weights=weights,
            sign=ed25519_signer(key),
            gpu=few_sizes(),
            progress=lambda *_: None,
        )
        took, began = perf_counter() - began, perf_counter()
        options = LoadOptions(device="cuda", compiled=KERNELS, verify=ed25519_verifier([key.public_key()]))
        compiled = Compiled(made.manifest.address, str(made.path), weights)
        version = Version(str(source), made.manifest.checkpoint, compiled=compiled)
        served = load_model(model, version, options, BlackBox(folder / "socket"))
        return {
            "ok": served.refused is None and served.worker.stats(model).slow_path == 0,
            "refused": str(served.refused or ""),
            "make_s": took,
            "load_s": perf_counter() - began,
            "parity": made.manifest.evidence.parity,
            "measurements": made.manifest.evidence.measurements,
        }


def encoder(weights: Weights) -> dict[str, Any]:
    """Likewise of an encoder as large as MiniLM."""
    with checkpoint(**MINILM) as source:
        return _made(source.path, "texts", weights)


def module() -> dict[str, Any]:
    """A plain network through `compiler.compile`, saved and loaded."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.LayerNorm(1024), nn.Linear(1024, 4096), nn.GELU(), nn.Linear(4096, 1024))
    rows = {"rows": compiler.Axis({"input": 0}, sizes=(1, 8))}
    with tempfile.TemporaryDirectory() as name:
        made = compiler.compile(network, (torch.randn(8, 1024),), target="cuda", buckets=rows)
        loaded = compiler.Artifact.load(made.save(name))
        inputs = torch.randn(5, 1024)
        with torch.no_grad():
            wanted = network(inputs)
        error = float((loaded(inputs).cpu() - wanted).abs().max() / wanted.abs().max())
        return {"ok": made.report.is_compiled and error < 1e-3, "error": error, "report": str(made.report).splitlines()}
