# ruff: noqa: T201 - it talks to a person at a terminal
"""``python -m inference.redaction FILE [--json]``: what the redactor finds in a file, without showing it."""

from __future__ import annotations

import argparse
import json
import sys
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from .errors import RedactionError
from .finding import Finding
from .redactor import Redactor

_ROW = "{:>7}  {:>6}  {:>9}  {:>9}  {:<7}  {:>5}  {}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the findings; 0 when the file could be read and scanned, 2 when not."""
    parser = argparse.ArgumentParser(
        prog="python -m inference.redaction", description="Find personal data in a text file."
    )
    parser.add_argument("file", metavar="FILE", help="a UTF-8 text file, or - for standard input")
    parser.add_argument(
        "--language", help="language tag of the text, such as de; widens what counts as a telephone number"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    options = parser.parse_args(arguments)
    try:
        data = sys.stdin.buffer.read() if options.file == "-" else Path(options.file).read_bytes()
        text = data.decode("utf-8")
        findings = Redactor(max_characters=max(1, len(text))).find(text, options.language)
    except OSError as error:
        return _fail(f"{options.file}: {error.strerror}")
    except UnicodeDecodeError as error:
        return _fail(f"{options.file}: not UTF-8 at byte {error.start}; convert it first, for example with iconv")
    except RedactionError as error:
        return _fail(f"{options.file}: {error}")
    counts = dict(sorted(Counter(finding.type for finding in findings).items()))
    if options.json:
        print(json.dumps({"findings": [asdict(finding) for finding in findings], "counts": counts}))
    else:
        _print_table(text, findings)
        print(", ".join(f"{kind} {count}" for kind, count in counts.items()) or "Nothing found.")
    return 0


def _print_table(text: str, findings: list[Finding]) -> None:
    if not findings:
        return
    lines = [0, *(place + 1 for place, character in enumerate(text) if character == "\n")]
    print(_ROW.format("line", "column", "start", "end", "type", "score", "layer"))
    for finding in findings:
        line = bisect_right(lines, finding.start)
        column = finding.start - lines[line - 1] + 1
        print(
            _ROW.format(line, column, finding.start, finding.end, finding.type, f"{finding.score:.2f}", finding.layer)
        )


def _fail(problem: str) -> int:
    print(problem, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
