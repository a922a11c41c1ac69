"""tests/vectors/supertree.json: proofs that a checkpoint is in the tree of checkpoints, right and wrong, for every verifier.

``python -m tests.audit.test_supertree_vectors`` writes the file.
"""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from audit.checkpoint import Checkpoint, decode, encode
from audit.merkle import (
    ProofError,
    Range,
    fold,
    full_nodes,
    full_root,
    inclusion_ranges,
    leaf_hash,
    verify_inclusion,
)
from cell.notes import BadSignature, MalformedNote, Signer, UnknownSigner, sign, verify

FILE = Path(__file__).parents[1] / "vectors" / "supertree.json"

NAME, OTHER = "audit.eu-de-1.bailiwick", "audit.us-east-1.bailiwick"
_OLD, _NEW, _STRANGER = (Signer.from_seed(NAME, bytes([number]) * 32) for number in (1, 2, 3))
_HEAD = re.compile(
    r"c2sp\.org/tlog-proof@v1\n(?:extra ([A-Za-z0-9+/]+={0,2})\n)?"
    r"index (0|[1-9][0-9]{0,18})\n((?:[A-Za-z0-9+/]{43}=\n){0,63})\n"
)


def _of(number: int, size: int = 0, name: str = NAME) -> Checkpoint:
    """A checkpoint of workspace `number`."""
    return Checkpoint(f"{name}/ws_eude1_{number:032x}", size or 10 * number + 1, leaf_hash(bytes([number])))


def _proof(index: int, leaves: list[Checkpoint], origin: str = f"{NAME}/checkpoints", signers: Any = _OLD) -> str:
    hashes = [leaf_hash(leaf.text.encode()) for leaf in leaves]
    tree = Range()
    tree.extend(hashes)
    path = [
        fold([full_root(hashes[place << height : place + 1 << height]) for height, place in full_nodes(*span)])
        for span in inclusion_ranges(index, len(leaves))
    ]
    note = sign(Checkpoint(origin, tree.size, tree.root()).text, signers)
    lines = "".join(f"{encode(item)}\n" for item in path)
    return f"c2sp.org/tlog-proof@v1\nindex {index}\n{lines}\n{note}"


def build() -> dict[str, Any]:
    leaves = [_of(number) for number in range(7)]
    mine, note, proof = leaves[4], sign(leaves[4].text, _OLD), _proof(4, leaves)
    hashes = proof.split("\n")[2:5]
    forked = Checkpoint(mine.origin, mine.size, leaf_hash(b"another history"))
    late = Checkpoint(mine.origin, mine.size + 1, mine.root)
    lines = {
        "an index of another leaf": proof.replace("index 4\n", "index 5\n"),
        "an index beyond the tree": proof.replace("index 4\n", "index 7\n"),
        "an index with a zero before it": proof.replace("index 4\n", "index 04\n"),
        "a hash left out": proof.replace(f"{hashes[0]}\n", ""),
        "a hash added": proof.replace(f"{hashes[0]}\n", f"{hashes[0]}\n{hashes[0]}\n"),
        "two hashes exchanged": proof.replace(f"{hashes[0]}\n{hashes[1]}\n", f"{hashes[1]}\n{hashes[0]}\n"),
        "a hash of 31 bytes": proof.replace(hashes[0], base64.b64encode(bytes(31)).decode()),
        "another version": proof.replace("@v1\n", "@v2\n"),
        "no empty line": proof.replace(f"{hashes[2]}\n\n", f"{hashes[2]}\n"),
        "a size that was not signed": proof.replace(f"{NAME}/checkpoints\n7\n", f"{NAME}/checkpoints\n8\n"),
        "an extra line with another leaf": proof.replace("@v1\n", f"@v1\nextra {encode(leaves[3].text.encode())}\n"),
        "an extra line that is no base64": proof.replace("@v1\n", "@v1\nextra ?\n"),
        "cut off": proof[:-10],
        "empty": "",
    }
    cases = [
        {
            "name": f"leaf {index} of 7",
            "checkpoint": sign(leaf.text, _OLD),
            "proof": _proof(index, leaves),
            "verdict": "intact",
        }
        for index, leaf in enumerate(leaves)
    ]
    cases += [
        {
            "name": "with its leaf in an extra line",
            "checkpoint": note,
            "proof": proof.replace("@v1\n", f"@v1\nextra {encode(mine.text.encode())}\n"),
            "verdict": "intact",
        },
        {"name": "the only leaf", "checkpoint": note, "proof": _proof(0, [mine]), "verdict": "intact"},
        {
            "name": "both keys of a rotation have signed",
            "checkpoint": sign(mine.text, [_NEW, _OLD]),
            "proof": _proof(4, leaves, signers=[_NEW, _OLD]),
            "verdict": "intact",
        },
        {
            "name": "a fork: a checkpoint of this size with another root",
            "checkpoint": sign(forked.text, _OLD),
            "proof": proof,
            "verdict": "tampered",
        },
        {
            "name": "a checkpoint of another size",
            "checkpoint": sign(late.text, _OLD),
            "proof": proof,
            "verdict": "tampered",
        },
        {
            "name": "the checkpoint of another workspace",
            "checkpoint": sign(leaves[3].text, _OLD),
            "proof": proof,
            "verdict": "tampered",
        },
        {
            "name": "a tree that is no tree of checkpoints",
            "checkpoint": note,
            "proof": _proof(4, leaves, origin=f"{NAME}/cell"),
            "verdict": "tampered",
        },
        {
            "name": "the tree of checkpoints of another cell",
            "checkpoint": note,
            "proof": _proof(4, leaves, origin=f"{OTHER}/checkpoints"),
            "verdict": "tampered",
        },
        {
            "name": "signed by somebody else",
            "checkpoint": note,
            "proof": _proof(4, leaves, signers=_STRANGER),
            "verdict": "unknown signer",
        },
    ]
    cases += [{"name": name, "checkpoint": note, "proof": text, "verdict": "tampered"} for name, text in lines.items()]
    return {
        "about": "A workspace's checkpoint and its proof in the cell's tree of checkpoints (docs/formats/checkpoint.md),"
        " held against `vkey`. Each checkpoint alone is good; the verdict is that on the proof.",
        "vkey": _OLD.vkey,
        "cases": cases,
    }


def judged(checkpoint: str, proof: str, vkey: str) -> str:
    """The rules of docs/formats/checkpoint.md, written down once more."""
    leaf = Checkpoint.parse(verify(checkpoint, [vkey]))
    head = _HEAD.match(proof)
    if head is None or (head[1] is not None and decode(head[1]) != leaf.text.encode()):
        return "tampered"
    try:
        signed = Checkpoint.parse(verify(proof[head.end() :], [vkey]))
    except UnknownSigner:
        return "unknown signer"
    except (MalformedNote, BadSignature):
        return "tampered"
    path = [decode(line) or b"" for line in head[3].splitlines()]
    if signed.origin != leaf.origin.rpartition("/")[0] + "/checkpoints":
        return "tampered"
    try:
        verify_inclusion(
            index=int(head[2]), size=signed.size, leaf=leaf_hash(leaf.text.encode()), path=path, root=signed.root
        )
    except ProofError:
        return "tampered"
    return "intact"


VECTORS = json.loads(FILE.read_text()) if FILE.exists() else {"vkey": "", "cases": []}


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_each_vector_gets_its_verdict(case: dict[str, str]) -> None:
    assert judged(case["checkpoint"], case["proof"], VECTORS["vkey"]) == case["verdict"]


def test_the_file_is_what_is_written_here() -> None:
    assert build() == VECTORS
    assert len({case["proof"] + case["checkpoint"] for case in VECTORS["cases"]}) == len(VECTORS["cases"])


if __name__ == "__main__":
    FILE.write_text(json.dumps(build(), indent=1, ensure_ascii=False) + "\n")
