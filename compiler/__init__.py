"""From a torch module to a program that was made for one device, and is proven to compute the same.

This package knows torch and nothing else of the house; it can be used alone. Its parts, as a program passes them:

    frontend   torch.export's program as a graph of values
    ir         the graph: values, their types, what each operator means, a verifier, a printer, an interpreter
    rewrite    patterns, and the one driver that applies tables of rules
    passes     what is done to a graph
    schedule   which values are computed together
    memory     where everything lies while that happens
    elements   the element of a value at a place, as text of a language that kernels are written in
    backends   kernels of one kind of device each
    native     a whole step over the kernels of the processor, as one call (a GPU's is `backends.triton.launched`)

    validate   what was made, held against the truth
    artifact   what was made, as a signed folder that is refused where it does not belong
    runtime    calls: to the bucket that takes them, or to the reference

Beside them `tune`, which chooses between ways to do the same (`tuned_step`: between settings of a step's kernels), and
`bench`, which compares servers.

    artifact = compiler.compile(module, example_inputs)     # called like the module; target="cuda" for a GPU
    path = artifact.save(folder)
    artifact = compiler.Artifact.load(path)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compiler.artifact.axis import Axis as Axis
    from compiler.artifact.publication import Unsaved as Unsaved
    from compiler.artifact.refusal import Refused as Refused
    from compiler.compilation import compile as compile  # noqa: A004
    from compiler.compilation import extend as extend
    from compiler.compiled import Artifact as Artifact
    from compiler.frontend.exported import Unsupported as Unsupported

_WHERE = {
    "Artifact": "compiler.compiled",
    "Axis": "compiler.artifact.axis",
    "Refused": "compiler.artifact.refusal",
    "Unsaved": "compiler.artifact.publication",
    "Unsupported": "compiler.frontend.exported",
    "compile": "compiler.compilation",
    "extend": "compiler.compilation",
}
__all__ = ["Artifact", "Axis", "Refused", "Unsaved", "Unsupported", "compile", "extend"]


def __getattr__(name: str) -> Any:
    """Loads what is asked for: who only tunes, or compares servers, needs no torch."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)
