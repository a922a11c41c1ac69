from __future__ import annotations

import pytest

from audit.checkpoint import encode
from audit.tlogproof import MalformedProof, TlogProof

HASH, OTHER = encode(bytes(32)), encode(b"\x01" * 32)
NOTE = "example.com/log\n9\nAAAA\n\n— example.com/log AAAA\n"
SOUND = f"c2sp.org/tlog-proof@v1\nextra e30=\nindex 7\n{HASH}\n{OTHER}\n\n{NOTE}"


def test_a_proof_is_read_and_written_in_its_one_spelling() -> None:
    proof = TlogProof.parse(SOUND)

    assert proof == TlogProof(7, (bytes(32), b"\x01" * 32), NOTE, b"{}")
    assert proof.to_text() == SOUND


@pytest.mark.parametrize("index", ["0", "1", "9223372036854775807"])
def test_extra_data_and_hashes_may_be_absent(index: str) -> None:
    text = f"c2sp.org/tlog-proof@v1\nindex {index}\n\n{NOTE}"

    assert TlogProof.parse(text) == TlogProof(int(index), (), NOTE)
    assert TlogProof.parse(text).to_text() == text


@pytest.mark.parametrize(
    ("part", "instead"),
    [
        ("proof@v1", "proof@v2"),
        ("c2sp", " c2sp"),
        ("\n\n", "\n"),
        ("index 7\n", ""),
        ("index 7", "index 07"),
        ("index 7", "index -7"),
        ("index 7", "index +7"),
        ("index 7", "index ٧"),
        ("index 7", "index  7"),
        ("index 7", "index 7 "),
        ("index 7", "index"),
        ("index 7", "Index 7"),
        ("index 7", "index 7\r"),
        ("index 7", "index 7\nindex 7"),
        ("index 7", "index 99999999999999999999"),
        ("extra e30=\nindex 7", "index 7\nextra e30="),
        ("extra e30=", "extra e30"),
        ("extra e30=", "extra e31="),
        ("extra e30=", "extra e30=\nextra e30="),
        ("extra e30=", "extra "),
        ("extra e30=", "extra e3 0="),
        ("extra e30=", "other e30="),
        (HASH, HASH[:-1]),
        (HASH, encode(bytes(31))),
        (HASH, encode(bytes(33))),
        (HASH, f"{HASH} "),
        (HASH, f"{HASH[:-2]}B="),
        (HASH, "\n".join([HASH] * 63)),
    ],
)
def test_anything_else_is_refused(part: str, instead: str) -> None:
    with pytest.raises(MalformedProof):
        TlogProof.parse(SOUND.replace(part, instead, 1))
