"""``python -m audit.verifier PATH``, also ``bailiwick verify PATH``: checks an audit export, a certificate or a proof file.

Exit status: 0 intact, 1 tampered, 2 incomplete, 3 unknown signer, 64 wrong use.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from audit.verifier.certificate import verify_certificate
from audit.verifier.export import verify_export
from audit.verifier.files import LARGEST_SMALL_FILE
from audit.verifier.proof import verify_proof
from audit.verifier.verdict import Incomplete, Refusal, Tampered, Verdict
from audit.verifier.witnesses import NOBODY, Quorum

_WRONG_USE = 64
"""EX_USAGE; argparse's own 2 would read as "incomplete"."""
_PROOF = b"c2sp.org/tlog-proof@"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(_WRONG_USE, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    given = parser.parse_args(arguments)
    pinned = [key.strip() for key in given.key]
    if given.keys is not None:
        try:
            pinned += given.keys.read_text().split()
        except (OSError, UnicodeDecodeError):
            parser.error(f"{given.keys} cannot be read")
        if not pinned:
            parser.error(f"{given.keys} holds no key")
    if given.threshold is not None and not 0 < given.threshold <= len(set(given.witness)):
        parser.error("--threshold is between 1 and the number of witnesses named with --witness")
    try:
        quorum = Quorum.parse(given.witness, given.threshold)
        verdict = verify(given.path, pinned, given.previous, given.entry, quorum)
    except Refusal as refusal:
        print(f"{refusal.word}: {refusal}", file=sys.stderr)
        return refusal.code
    _say(verdict)
    return 0


def _parser() -> _Parser:
    parser = _Parser(
        prog="bailiwick verify",
        description="Checks an audit export, an erasure certificate or a proof file, offline.",
        epilog="Exit status: 0 intact, 1 tampered, 2 incomplete, 3 unknown signer.",
    )
    parser.add_argument(
        "path", type=Path, help="an export (folder or .tar), a certificate (.json) or a proof (.tlog-proof)"
    )
    parser.add_argument("--key", action="append", default=[], metavar="VKEY", help="a verifier key that you trust")
    parser.add_argument("--keys", type=Path, metavar="FILE", help="a file with such keys, one a line")
    parser.add_argument("--previous", type=Path, metavar="PATH", help="the export before this one, to check the chain")
    parser.add_argument("--entry", type=Path, metavar="FILE", help="the entry of a proof that does not hold it")
    parser.add_argument(
        "--witness", action="append", default=[], metavar="VKEY", help="a witness that has to have co-signed"
    )
    parser.add_argument(
        "--threshold", type=int, metavar="N", help="how many of the witnesses are enough; all by default"
    )
    return parser


def verify(
    path: Path,
    pinned: Sequence[str] = (),
    previous: Path | None = None,
    entry: Path | None = None,
    quorum: Quorum = NOBODY,
) -> Verdict:
    """Whichever of the three is at `path`: what a file begins with says which. Raises Refusal."""
    try:
        if path.is_dir():
            return verify_export(path, pinned, previous, quorum)
        with path.open("rb") as file:
            beginning = file.read(len(_PROOF))
        is_proof = beginning == _PROOF
        if (is_proof or beginning[:1] == b"{") and path.stat().st_size > LARGEST_SMALL_FILE:
            raise Tampered("the file is larger than any of its kind")
        if beginning[:1] == b"{":
            return verify_certificate(path.read_bytes(), pinned, quorum)
        if is_proof:
            return verify_proof(path.read_bytes(), pinned, None if entry is None else entry.read_bytes(), quorum)
        return verify_export(path, pinned, previous, quorum)
    except FileNotFoundError:
        raise Incomplete(f"there is nothing at {path}") from None
    except OSError as error:
        raise Incomplete(f"{path} cannot be read: {error.strerror}") from None


def _say(verdict: Verdict) -> None:
    print(f"intact: {_plain(verdict.what)}")
    for fact in verdict.facts:
        print(f"  {_plain(fact)}")
    for signer in verdict.signers:
        print(f"  {'held against the key you trust' if verdict.pinned else 'held against'}: {_plain(signer)}")
    if not verdict.pinned:
        print("  that key came with what it signs: compare it with the one you hold, or give yours with --key")


def _plain(text: str) -> str:
    """Whoever signed a file, perhaps a stranger, writes no lines of ours and no commands for the terminal."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


if __name__ == "__main__":
    sys.exit(main())
