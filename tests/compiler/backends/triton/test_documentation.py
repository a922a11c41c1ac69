from __future__ import annotations

import re
import subprocess
import sys

from tests.test_layout import ROOT


def test_the_example_of_the_page_runs_as_it_is_printed() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "gpu.md").read_text(), re.DOTALL)

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    *launches, left = done.stdout.splitlines()
    assert [line.partition("_")[0] for line in launches] == ["linear", "linear"]
    assert all("stack=0" in line for line in launches) and left == "[]"
