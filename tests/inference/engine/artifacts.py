"""Artifacts for tests: made as a cell makes them, and changed and signed again as somebody might who has its key."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from compiler.artifact.addressed import FileEntry
from compiler.artifact.signature import Sign, message
from compiler.tune import canonical
from compiler.tune.tuner import Tuner
from inference.engine.deployment import Compiled, Version, Weights
from inference.engine.gpu import Gpu
from inference.engine.making import Made, make

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def made(
    source: Path, into: Path, weights: Weights = "as-they-are", tuner: Tuner | None = None, gpu: Gpu | None = None
) -> Made:
    return make(
        source, into, weights=weights, sign=KEY.sign, tuner=tuner, gpu=gpu, progress=lambda what, done, of: None
    )


def trust(folder: Path, key: Ed25519PrivateKey = KEY) -> Path:
    """A file for --trust."""
    file = folder / "trust"
    file.write_text(key.public_key().public_bytes_raw().hex() + "\n")
    return file


def compiled(made: Made) -> Compiled:
    return Compiled(made.manifest.address, str(made.path), made.manifest.weights)


def version(source: Path, made: Made, share: float = 1.0) -> Version:
    return Version(str(source), made.manifest.checkpoint, share, compiled(made))


def compiler(folder: Path, planted: str) -> Path:
    """A C++ compiler with a fault, for CXX: each step that it compiles does `planted` when it is called, C++ statements over `pool`
    and `given`, the step's `Step`; `step_run_meant(pool, given)` is what was meant."""
    script, after = folder / "g++-faulty", folder / "planted.cpp"
    after.write_text(
        "#include <unistd.h>\n#include <vector>\n"
        'extern "C" __attribute__((visibility("default"))) void step_run(Pool* pool, const Step* given) {\n'
        f"  {planted}\n}}\n"
    )
    script.write_text(
        "#!/bin/sh\n"
        'for file in "$@"; do case "$file" in */step.cpp)\n'
        f'  sed -i "s/void step_run(/void step_run_meant(/" "$file"; cat "{after}" >> "$file";;\n'
        "esac; done\n"
        'exec g++ "$@"\n'
    )
    script.chmod(0o755)
    return script


SLOW = "step_run_meant(pool, given); usleep(30000);"
WRONG = "step_run_meant(pool, given); if (given->outputs[0]) ((float*)given->outputs[0])[0] += 100.0f;"
"""Steps that want no logits have none."""
ALWAYS_THE_SAME = (
    "step_run_meant(pool, given);\n"
    "  if (given->outputs[1]) if (((long*)given->outputs[1])[0] >= 0) ((long*)given->outputs[1])[0] = 7;"
)
"""The logits are right, and the first token that is drawn from them is not."""


def burst(file: Path) -> str:
    """All is as it was meant, until there is such a file: then each weight is no number."""
    return (
        "static const std::vector<unsigned> nan(1 << 20, 0x7fc07fc0u);\n"
        "  static const std::vector<const void*> weights(1000, nan.data());\n"
        "  Step step = *given;\n"
        f'  if (access("{file}", F_OK) == 0) step.weights = weights.data();\n'
        "  step_run_meant(pool, &step);"
    )


def fatal(file: Path) -> str:
    """The same, and then it ends the process that runs it."""
    return f'if (access("{file}", F_OK) == 0) *(volatile int*)8 = 1;\n  step_run_meant(pool, given);'


def replanted(path: Path, change: Callable[[dict[str, Any], Path], None], sign: Sign = KEY.sign) -> Path:
    """A copy beside the artifact's folder `path` whose manifest or files `change` has changed, whole and signed again."""
    work = path.with_name("replanted")
    shutil.copytree(path, work)
    fields = json.loads((work / "manifest.json").read_bytes())
    del fields["digest"]
    change(fields, work)
    for name in fields["files"]:
        content = (work / name).read_bytes()
        entry = FileEntry(hashlib.sha256(content).hexdigest(), len(content))
        fields["files"][name] = {"bytes": entry.bytes, "sha256": entry.sha256}
    written = canonical.text({**fields, "digest": canonical.digest(fields)}).encode()
    (work / "manifest.json").write_bytes(written)
    (work / "signature").write_bytes(sign(message(written)))
    address = canonical.digest({name: each for name, each in fields.items() if name != "evidence"})
    target = path.with_name(address)
    shutil.rmtree(target, ignore_errors=True)
    return work.rename(target)
