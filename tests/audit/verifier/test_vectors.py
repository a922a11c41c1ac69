"""RFC 6962 proofs and Ed25519 signatures that others published, through both verifiers (tests/vectors)."""

from __future__ import annotations

import json
from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from typing import Any

from audit.merkle import ProofError, verify_consistency, verify_inclusion
from cell.notes import VerifierKey
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
