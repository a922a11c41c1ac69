from __future__ import annotations

from pathlib import Path

import pytest

from cell.objects import open_store
from inference.engine.checkpoint import Checkpoint
from inference.engine.errors import CheckpointError
from inference.gateway.model_store import ModelStore, ModelStoreError
from tests.inference.engine import checkpoints


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = checkpoints.save_decoder(tmp_path_factory.mktemp("made") / "chat")
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    return folder


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ModelStore:
    place = tmp_path / "objects" if request.param == "folder" else request.getfixturevalue("radosgw").bucket()
    return ModelStore(open_store(place))


def test_a_checkpoint_comes_back_byte_for_byte_and_without_what_no_engine_reads(
    store: ModelStore, source: Path, tmp_path: Path
) -> None:
    manifest = store.keep(source)
    fetched = store.fetch(manifest.digest, tmp_path)

    assert manifest.digest == Checkpoint.open(source).digest() == Checkpoint.open(fetched).digest()
    names = {path.name for path in fetched.iterdir()}
    assert {"config.json", "tokenizer.json", "model.safetensors"} <= names
    assert "pytorch_model.bin" not in names
    assert all((fetched / name).read_bytes() == (source / name).read_bytes() for name in names)
    assert manifest.size == sum((fetched / name).stat().st_size for name in names)


def test_a_file_is_kept_once(store: ModelStore, source: Path, tmp_path: Path) -> None:
    first = store.keep(source)
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in first.files:
        (copy / file.name).write_bytes((source / file.name).read_bytes())
    config = (copy / "config.json").read_text()
    (copy / "config.json").write_text(config + "\n")

    second = store.keep(copy)

    assert second.digest != first.digest
    kept = list(store.objects.keys("models/files/"))
    assert len(kept) == len(first.files) + 1
    assert all(len(store.objects.versions(key)) == 1 for key in kept)


def test_a_folder_that_no_engine_would_serve_is_not_kept(store: ModelStore, source: Path, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_bytes((source / "config.json").read_bytes())

    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        store.keep(tmp_path / "broken")
    assert list(store.objects.keys()) == []


def test_what_the_store_lost_or_damaged_is_told_and_leaves_nothing(
    store: ModelStore, source: Path, tmp_path: Path
) -> None:
    manifest = store.keep(source)
    weights = next(file for file in manifest.files if file.name == "model.safetensors")
    key = f"models/files/{weights.sha256}"
    store.objects.put(key, b"other bytes")
    with pytest.raises(ModelStoreError, match=r"model\.safetensors is damaged"):
        store.fetch(manifest.digest, tmp_path / "models")
    store.objects.delete_all_versions(key)
    with pytest.raises(ModelStoreError, match=r"lost model\.safetensors"):
        store.fetch(manifest.digest, tmp_path / "models")
    with pytest.raises(ModelStoreError, match="import it again"):
        store.fetch("0" * 64, tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []

    assert store.keep(source) == manifest, "importing again mends it"
    assert store.fetch(manifest.digest, tmp_path / "models").is_dir()


def test_a_manifest_cannot_lead_out_of_the_folder(store: ModelStore, source: Path, tmp_path: Path) -> None:
    manifest = store.keep(source)
    key = f"models/manifests/{manifest.digest}"
    store.objects.put(key, store.objects.get(key).replace(b'"config.json"', b'"../config.json"'))

    with pytest.raises(ModelStoreError, match="something else"):
        store.fetch(manifest.digest, tmp_path)
    assert not (tmp_path.parent / "config.json").exists()
