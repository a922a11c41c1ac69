from __future__ import annotations

import pytest

from audit.witness.cosignature import BadCosignature, Witness, cosigned
from cell.notes import MalformedNote, verify
from cell.witness_key import WitnessKey
from tests.audit.logs import Log

# The example of C2SP tlog-cosignature: which bytes are signed.
MESSAGE = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"


def test_a_cosignature_is_over_the_time_and_the_checkpoint(witness: Witness) -> None:
    from base64 import b64decode

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    raw = b64decode(witness.cosign(MESSAGE, 1679315147).split()[2])

    assert (raw[:4], int.from_bytes(raw[4:12])) == (witness.key.hash, 1679315147)
    signed = f"cosignature/v1\ntime 1679315147\n{MESSAGE}".encode()
    Ed25519PublicKey.from_public_bytes(witness.key.public_key).verify(raw[12:], signed)


def test_a_log_that_does_not_know_the_witness_reads_on(witness: Witness, log: Log) -> None:
    note = log.checkpoint(7)
    text = note.rpartition("\n\n")[0] + "\n"
    both = note + witness.cosign(text, 1_800_000_000)

    assert verify(both, [log.signer.vkey]) == text
    assert cosigned(both, [witness.key]) == {witness.key: 1_800_000_000}
    assert cosigned(note, [witness.key]) == cosigned(both, []) == {}
    assert cosigned(both + witness.cosign(text, 1_900_000_000), [witness.key]) == {witness.key: 1_900_000_000}


@pytest.mark.parametrize("at", [0, 1 << 37, (1 << 64) - 1])
def test_a_time_that_is_none_is_refused(witness: Witness, log: Log, at: int) -> None:
    note = log.checkpoint(7)

    with pytest.raises(BadCosignature):
        cosigned(note + witness.cosign(note.rpartition("\n\n")[0] + "\n", at), [witness.key])


def test_a_line_that_was_changed_or_is_over_another_checkpoint_is_refused(witness: Witness, log: Log) -> None:
    text = log.checkpoint(8).rpartition("\n\n")[0] + "\n"
    for line in (witness.cosign(text, 5), log.signer.signature_line(text).replace(log.signer.name, witness.key.name)):
        note = log.checkpoint(7) + line
        if line == witness.cosign(text, 5):
            with pytest.raises(BadCosignature):
                cosigned(note, [witness.key])
        else:
            assert cosigned(note, [witness.key]) == {}


def test_a_key_is_read_and_written(witness: Witness) -> None:
    assert WitnessKey.parse(str(witness.key)) == witness.key
    name, hash_, encoded = str(witness.key).split("+", 2)
    for wrong in (
        name,
        f"{name}+{hash_}",
        f"{name}+{'0' * 8}+{encoded}",
        f"{name} x+{hash_}+{encoded}",
        f"{name}+{hash_}+{encoded[:-4]}",
        f"+{hash_}+{encoded}",
        Log().signer.vkey,
    ):
        with pytest.raises(MalformedNote):
            WitnessKey.parse(wrong)


def test_no_secret_is_shown(witness: Witness) -> None:
    assert repr(witness) == f"Witness({witness.key})"
