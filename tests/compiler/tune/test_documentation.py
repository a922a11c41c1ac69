from __future__ import annotations

import re
import subprocess
import sys

from tests.test_layout import ROOT


def test_the_example_of_the_page_runs_as_it_is_printed() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "tuning.md").read_text(), re.DOTALL)

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False"
