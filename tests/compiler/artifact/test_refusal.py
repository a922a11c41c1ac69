from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from compiler import Artifact, Refused
from compiler.artifact.refusal import Reason
from compiler.artifact.signature import ed25519_signer, ed25519_verifier, message
from compiler.tune import canonical
from tests.compiler.conftest import Made

_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
_FILES = (
    "manifest.json",
    "graph.json",
    "weights.safetensors",
    "signature",
    "kernels/step-0.cpp",
    "kernels/step-1.cpp",
    "kernels/step.h",
    "kernels/matmul.h",
)


@pytest.fixture
def copy(perceptron: Made, tmp_path: Path) -> Path:
    """Another folder with the same artifact, under a name that says nothing."""
    return Path(shutil.copytree(perceptron.path, tmp_path / "artifact"))


def _load(path: Path, *keys: Ed25519PrivateKey) -> Artifact:
    trusted = [key.public_key() for key in keys or (_KEY,)]
    return Artifact.load(path, verify=ed25519_verifier(trusted), threads=1)


def _refusal(load: Callable[[], object]) -> Refused:
    with pytest.raises(Refused) as refused:
        load()
    assert refused.value.remedy and str(refused.value).endswith(refused.value.remedy)
    return refused.value


def test_what_is_as_it_was_computes_what_the_module_does(perceptron: Made, copy: Path) -> None:
    artifact = _load(copy)

    for rows in (1, 2, 4):
        inputs = perceptron.rows(rows)
        torch.testing.assert_close(artifact(inputs), perceptron.module(inputs), rtol=1e-4, atol=1e-4)
    assert sum(artifact.drift.slow_path_total.values()) == 0


@pytest.mark.parametrize("name", _FILES)
@pytest.mark.parametrize("part", [0.0, 0.5, 0.999])
def test_one_changed_byte_is_refused_wherever_it_is(copy: Path, name: str, part: float) -> None:
    content = bytearray((copy / name).read_bytes())
    content[int(part * len(content))] ^= 1
    (copy / name).write_bytes(content)

    assert _refusal(lambda: _load(copy)).reason in (Reason.BYTES, Reason.SIGNATURE, Reason.SCHEMA)


def test_a_changed_object_is_refused_before_it_is_opened(copy: Path) -> None:
    [first, *_] = sorted(copy.glob("kernels/*.so"))
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 1
    first.write_bytes(content)

    assert _refusal(lambda: Artifact.load(copy)).reason is Reason.BYTES


@pytest.mark.parametrize("name", _FILES)
def test_a_missing_file_is_refused(copy: Path, name: str) -> None:
    (copy / name).unlink()

    assert _refusal(lambda: _load(copy)).reason in (Reason.MISSING, Reason.SIGNATURE)


@pytest.mark.parametrize("name", ["more.so", "kernels/more.so", "kernels/deep/more.so"])
def test_a_file_that_is_none_of_its_own_is_refused(copy: Path, name: str) -> None:
    (copy / name).parent.mkdir(exist_ok=True)
    (copy / name).write_bytes(b"")

    assert _refusal(lambda: _load(copy)).reason is Reason.BYTES


def test_a_link_in_the_place_of_a_file_is_refused(copy: Path, tmp_path: Path) -> None:
    (copy / "graph.json").rename(tmp_path / "elsewhere")
    (copy / "graph.json").symlink_to(tmp_path / "elsewhere")

    assert _refusal(lambda: _load(copy)).reason is Reason.BYTES


def test_without_a_signature_of_a_trusted_key_it_is_refused(copy: Path) -> None:
    other = Ed25519PrivateKey.generate()

    assert _refusal(lambda: _load(copy, other)).reason is Reason.SIGNATURE
    _load(copy, other, _KEY)
    (copy / "signature").write_bytes(ed25519_signer(other)(message((copy / "manifest.json").read_bytes())))
    assert _refusal(lambda: _load(copy)).reason is Reason.SIGNATURE
    (copy / "signature").write_bytes(_KEY.sign((copy / "manifest.json").read_bytes()))
    assert _refusal(lambda: _load(copy)).reason is Reason.SIGNATURE
    (copy / "signature").unlink()
    assert _refusal(lambda: _load(copy)).reason is Reason.SIGNATURE
    Artifact.load(copy, threads=1)


def _rewritten(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """As whoever holds the key could write it."""
    fields = json.loads((path / "manifest.json").read_bytes())
    del fields["digest"]
    change(fields)
    written = canonical.text({**fields, "digest": canonical.digest(fields)}).encode()
    (path / "manifest.json").write_bytes(written)
    (path / "signature").write_bytes(_KEY.sign(message(written)))


@pytest.mark.parametrize(
    ("field", "foreign", "reason"),
    [
        ("kind", "cuda", Reason.DEVICE),
        ("device", "Intel(R) Xeon(R) Platinum 8592+ family 6 model 207 stepping 2", Reason.DEVICE),
        ("architecture", "aarch64", Reason.DEVICE),
        ("system", "Darwin", Reason.DEVICE),
        ("torch", "2.11.0+cu130", Reason.LIBRARY),
        ("driver", "580.159.03", Reason.LIBRARY),
        ("instructions", ["avx9000"], Reason.INSTRUCTIONS),
    ],
)
def test_what_was_made_for_elsewhere_is_refused(copy: Path, field: str, foreign: object, reason: Reason) -> None:
    _rewritten(copy, lambda fields: fields["fingerprint"].update({field: foreign}))

    refused = _refusal(lambda: _load(copy))

    assert refused.reason is reason
    assert str(foreign if isinstance(foreign, str) else "avx9000") in str(refused)


@pytest.mark.parametrize(
    "change",
    [
        lambda fields: fields.update(format="bailiwick-artifact/2"),
        lambda fields: fields.update(more=1),
        lambda fields: fields.pop("graph"),
        lambda fields: fields["buckets"][0].update(arena_bytes="many"),
        lambda fields: fields["buckets"][0].update(source="../../etc/passwd"),
        lambda fields: fields["buckets"][0]["objects"].update(
            {next(iter(fields["buckets"][0]["objects"])): "/tmp/x.so"}
        ),
        lambda fields: fields["reference"].update({"0.weight": "no such tensor"}),
    ],
)
def test_a_manifest_of_another_schema_or_that_contradicts_itself_is_refused(
    copy: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    _rewritten(copy, change)

    assert _refusal(lambda: _load(copy)).reason in (Reason.SCHEMA, Reason.BYTES)


def test_one_artifact_under_the_address_of_another_is_refused(perceptron: Made, tmp_path: Path) -> None:
    path = Path(shutil.copytree(perceptron.path, tmp_path / ("0" * 64)))

    assert _refusal(lambda: _load(path)).reason is Reason.BYTES


def test_what_is_no_artifact_is_refused(tmp_path: Path) -> None:
    assert _refusal(lambda: _load(tmp_path / "nothing")).reason is Reason.MISSING
    (tmp_path / "manifest.json").write_text("[]")
    assert _refusal(lambda: Artifact.load(tmp_path)).reason is Reason.SCHEMA
    (tmp_path / "manifest.json").write_text("nonsense")
    assert _refusal(lambda: Artifact.load(tmp_path)).reason is Reason.SCHEMA


def test_compiled_code_that_cannot_be_opened_is_refused(copy: Path) -> None:
    [*objects] = copy.glob("kernels/*.so")
    for path in objects:
        path.write_bytes(b"no object")
    digests = {
        f"kernels/{path.name}": {"bytes": 9, "sha256": hashlib.sha256(b"no object").hexdigest()} for path in objects
    }
    _rewritten(copy, lambda fields: fields["files"].update(digests))

    assert _refusal(lambda: _load(copy)).reason is Reason.LIBRARY


def test_threads_of_other_headers_are_not_used(perceptron: Made, copy: Path) -> None:
    _rewritten(copy, lambda fields: fields["fingerprint"].update(headers="0" * 64))

    pool = perceptron.artifact.pool
    assert _refusal(lambda: Artifact.load(copy, pool=pool)).reason is Reason.LIBRARY
