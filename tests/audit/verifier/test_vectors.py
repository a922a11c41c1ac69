"""RFC 6962 proofs and Ed25519 signatures that others published, through both verifiers (tests/vectors)."""

from __future__ import annotations

import json
import random
from base64 import b64decode
from collections.abc import Callable
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from audit.checkpoint import Checkpoint
from audit.merkle import (
    ProofError,
    consistency_ranges,
    inclusion_ranges,
    node_hash,
    verify_consistency,
    verify_inclusion,
)
from audit.verifier.proof import verify_proof
from audit.verifier.signatures import keys
from audit.verifier.supertree import check_listed
from audit.verifier.verdict import Refusal
from cell.notes import VerifierKey
from tests.audit.logs import Log
from tests.audit.verifier.second import SecondVerifier

# Its roots are the words "don't care 2", which no tree has: we read 32-byte hashes only. With their SHA-256 it is as it says.
PLACEHOLDERS = "merkle/consistency/additional/sizes-are-equal-one-and-proof-is-empty.json"

VECTORS = Path(__file__).resolve().parents[2] / "vectors"


def _cases(folder: str) -> list[tuple[str, dict[str, Any]]]:
    paths = sorted((VECTORS / "merkle" / folder).rglob("*.json"))
    return [(str(path.relative_to(VECTORS)), json.loads(path.read_bytes())) for path in paths]


def _path(case: dict[str, Any]) -> list[bytes]:
    return [b64decode(item) for item in case["proof"] or []]


def test_inclusion(second: SecondVerifier) -> None:
    cases = _cases("inclusion")
    wrong = []
    for name, case in cases:
        leaf, root = b64decode(case["leafHash"]), b64decode(case["root"])
        claim: dict[str, Any] = {"index": case["leafIdx"], "size": case["treeSize"], "path": _path(case)}
        try:
            verify_inclusion(**claim, leaf=leaf, root=root)
            first = True
        except ProofError:
            first = False
        if {first, second.ask("inclusion", **claim, leaf=leaf, root=root)} != {not case["wantErr"]}:
            wrong.append(name)

    assert (len(cases), wrong) == (98, [])


def test_consistency(second: SecondVerifier) -> None:
    cases = _cases("consistency")
    wrong = []
    for name, case in cases:
        old, new = b64decode(case["root1"]), b64decode(case["root2"])
        if name == PLACEHOLDERS:
            old, new = sha256(old).digest(), sha256(new).digest()
        claim: dict[str, Any] = {"first": case["size1"], "second": case["size2"], "path": _path(case)}
        try:
            verify_consistency(**claim, first_root=old, second_root=new)
            first = True
        except ProofError:
            first = False
        if {first, second.ask("consistency", **claim, firstRoot=old, secondRoot=new)} != {not case["wantErr"]}:
            wrong.append(name)

    assert (len(cases), wrong) == (98, [])


def test_ed25519(second: SecondVerifier) -> None:
    document = json.loads((VECTORS / "wycheproof" / "ed25519_test.json").read_bytes())
    count, wrong = 0, []
    for group in document["testGroups"]:
        key = bytes.fromhex(group["publicKey"]["pk"])
        for case in group["tests"]:
            message, signature = bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])
            right = {case["result"] == "valid"}
            # The first verifier signs and checks text; messages that are none go to the second one alone.
            verdicts = {second.ask("ed25519", key=key, signature=signature, message=message)}
            if _is_text(message):
                verdicts.add(len(signature) == 64 and VerifierKey("name", key).accepts(signature, message.decode()))
            count += 1
            if verdicts != right:
                wrong.append(case["tcId"])

    assert (count, wrong) == (document["numberOfTests"], [])


def _is_text(message: bytes) -> bool:
    try:
        message.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_both_follow_proofs_in_trees_of_any_size(second: SecondVerifier) -> None:
    chance = random.Random(4)
    for _ in range(150):
        size = chance.randrange(1, 2 ** chance.randrange(1, 63))
        index = chance.choice((0, size - 1, chance.randrange(size)))
        leaf = chance.randbytes(32)
        path = [chance.randbytes(32) for _ in inclusion_ranges(index, size)]
        claim: dict[str, Any] = {"index": index, "size": size, "leaf": leaf, "path": path}
        root = _root(index, size, leaf, list(path))
        verify_inclusion(**claim, root=root)
        assert second.ask("inclusion", **_sent(claim), root=root)
        for wrong in ({"index": (index + 1) % size if size > 1 else 1}, {"path": [*path, root]}, {"path": path[1:]}):
            if wrong != {"path": path}:
                refused = not second.ask("inclusion", **_sent(claim | wrong), root=root)
                with pytest.raises(ProofError):
                    verify_inclusion(**claim | wrong, root=root)
                assert refused


def _sent(claim: dict[str, Any]) -> dict[str, Any]:
    """Numbers as text: JavaScript's JSON keeps 53 bits of them."""
    return {name: str(value) if isinstance(value, int) else value for name, value in claim.items()}


def _root(index: int, size: int, leaf: bytes, path: list[bytes]) -> bytes:
    """The root that the path leads to, as RFC 6962, section 2.1.1, defines the path."""
    if size == 1:
        return leaf
    split = 1 << (size - 1).bit_length() - 1
    if index < split:
        right = path.pop()
        return node_hash(_root(index, split, leaf, path), right)
    left = path.pop()
    return node_hash(left, _root(index - split, size - split, leaf, path))


def test_both_follow_every_step_of_a_growing_log(second: SecondVerifier) -> None:
    log = Log().grow(33)
    trees = [Log(log.signer, log.workspace, log.bodies[:size]) for size in range(34)]
    for new, old in product(range(1, 34, 4), range(1, 34)):
        if old > new:
            continue
        path = trees[new].path(consistency_ranges(old, new))
        roots = {"firstRoot": trees[old].tree(old).root(), "secondRoot": trees[new].tree(new).root()}
        assert second.ask("consistency", first=old, second=new, path=path, **roots)
        for wrong in (path[:-1], [*path, bytes(32)], path[::-1]):
            assert wrong == path or not second.ask("consistency", first=old, second=new, path=wrong, **roots)


def test_the_tree_of_checkpoints(second: SecondVerifier, tmp_path: Path) -> None:
    document = json.loads((VECTORS / "supertree.json").read_bytes())
    trusted, proof, entry = [document["vkey"]], tmp_path / "it.tlog-proof", tmp_path / "entry"
    wrong = []
    for case in document["cases"]:
        text = case["checkpoint"].rpartition("\n\n")[0] + "\n"
        proof.write_text(case["proof"])
        entry.write_text(text)
        words = {
            _word(lambda case=case, text=text: check_listed(case["proof"], Checkpoint.parse(text), keys(trusted))),
            _word(lambda case=case, text=text: verify_proof(case["proof"].encode(), trusted, text.encode())),
            second.ask("verify", path=str(proof), keys=trusted, entry=str(entry))["word"],
        }
        if words != {case["verdict"]}:
            wrong.append((case["name"], words))

    assert document["cases"] and wrong == []


def _word(check: Callable[[], object]) -> str:
    try:
        check()
    except Refusal as refusal:
        return refusal.word
    return "intact"
