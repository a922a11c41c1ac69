from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import inference.engine

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize(
    "module", ["inference.engine", "inference.engine.protocol", "inference.engine.client", "inference.engine.window"]
)
def test_the_gateways_part_of_the_engine_loads_no_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_every_name_is_there_and_no_other() -> None:
    for name in inference.engine.__all__:
        assert getattr(inference.engine, name).__name__ == name
        assert name in dir(inference.engine)
    with pytest.raises(AttributeError, match="BatchEngine"):
        _ = inference.engine.BatchEngine


def test_the_example_of_the_documentation_runs_as_it_is_printed() -> None:
    code, *_ = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "library.md").read_text(), re.S)

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "[False, True, False]" in done.stdout
    assert re.search(r"\d takes \d+% and is bounded by (compute|memory|overhead)", done.stdout)


def test_the_example_of_a_tagger_runs_as_it_is_printed() -> None:
    _, code = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "library.md").read_text(), re.S)

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "B-" in done.stdout
