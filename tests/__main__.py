"""``python -m tests [ARGUMENTS OF PYTEST]``: every test, in two processes: what needs no database beside what does.

A machine with two cores is done in two thirds of the time. With paths among the arguments it is one process, as pytest alone.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

WITHOUT_DATABASE = ("tests/bench", "tests/compiler", "tests/inference/engine", "tests/inference/redaction")
_NOTHING_COLLECTED = 5


def main(arguments: Sequence[str]) -> int:
    pytest = [sys.executable, "-m", "pytest", *arguments]
    if any(Path(argument.partition("::")[0]).exists() for argument in arguments):
        return subprocess.run(pytest, check=False).returncode
    with tempfile.TemporaryFile("w+") as output:
        beside = subprocess.Popen([*pytest, *WITHOUT_DATABASE], stdout=output, stderr=subprocess.STDOUT)
        try:
            ignored = [f"--ignore={folder}" for folder in WITHOUT_DATABASE]
            ours = subprocess.run([*pytest, *ignored], check=False).returncode
            theirs = beside.wait()
        finally:
            beside.kill()
            beside.wait()
        output.seek(0)
        sys.stdout.write(f"\nBeside it, {', '.join(WITHOUT_DATABASE)}:\n{output.read()}")
    statuses = {ours, theirs}
    return max(statuses - {_NOTHING_COLLECTED}, default=0) if statuses != {_NOTHING_COLLECTED} else _NOTHING_COLLECTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
