"""``python -m audit.verifier PATH``, also ``bailiwick verify PATH``: checks an audit export or an erasure certificate.

Exit status: 0 intact, 1 tampered, 2 incomplete, 3 unknown signer, 64 wrong use.
"""

from __future__ import annotations

import argparse
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from audit.verifier.certificate import verify_certificate
from audit.verifier.export import verify_export
from audit.verifier.verdict import Incomplete, Refusal, Verdict

_WRONG_USE = 64
"""EX_USAGE; argparse's own 2 would read as "incomplete"."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(_WRONG_USE, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _Parser(
        prog="bailiwick verify",
        description="Checks an audit export or an erasure certificate, offline.",
        epilog="Exit status: 0 intact, 1 tampered, 2 incomplete, 3 unknown signer.",
    )
    parser.add_argument("path", type=Path, help="an export (folder or .tar) or a certificate (.json)")
    parser.add_argument("--key", action="append", default=[], metavar="VKEY", help="a verifier key that you trust")
    parser.add_argument("--keys", type=Path, metavar="FILE", help="a file with such keys, one a line")
    parser.add_argument("--previous", type=Path, metavar="PATH", help="the export before this one, to check the chain")
    given = parser.parse_args(arguments)
    pinned = list(given.key)
    if given.keys is not None:
        try:
            pinned += given.keys.read_text().split()
        except (OSError, UnicodeDecodeError):
            parser.error(f"{given.keys} cannot be read")
        if not pinned:
            parser.error(f"{given.keys} holds no key")
    try:
        verdict = verify(given.path, pinned, given.previous)
    except Refusal as refusal:
        print(f"{refusal.word}: {refusal}", file=sys.stderr)
        return refusal.code
    _say(verdict)
    return 0


def verify(path: Path, pinned: Sequence[str] = (), previous: Path | None = None) -> Verdict:
    """Whichever of the two is at `path`. Raises Refusal."""
    try:
        if path.is_dir() or tarfile.is_tarfile(path):
            return verify_export(path, pinned, previous)
        return verify_certificate(path.read_bytes(), pinned)
    except FileNotFoundError:
        raise Incomplete(f"there is nothing at {path}") from None
    except OSError as error:
        raise Incomplete(f"{path} cannot be read: {error.strerror}") from None


def _say(verdict: Verdict) -> None:
    print(f"intact: {verdict.what}")
    for fact in verdict.facts:
        print(f"  {fact}")
    for signer in verdict.signers:
        print(f"  {'signed by the key you trust' if verdict.pinned else 'signed by'}: {signer}")
    if not verdict.pinned:
        print("  that key came with what it signs: compare it with the one you hold, or give yours with --key")


if __name__ == "__main__":
    sys.exit(main())
