from __future__ import annotations

from pathlib import Path

import pytest

from cell.objects import open_store
from inference.engine.artifact import manifest_in
from inference.engine.making import Made
from inference.gateway.artifact_store import ArtifactStore, ArtifactStoreError
from tests.inference.engine import artifacts, checkpoints

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("made")
    return artifacts.made(checkpoints.save_decoder(folder / "chat"), folder / "artifacts")


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    place = tmp_path / "objects" if request.param == "folder" else request.getfixturevalue("radosgw").bucket()
    return ArtifactStore(open_store(place))


def test_an_artifact_comes_back_byte_for_byte(store: ArtifactStore, made: Made, tmp_path: Path) -> None:
    size = store.keep(made.path)
    fetched = store.fetch(made.path.name, tmp_path)

    files = {path.relative_to(made.path) for path in made.path.rglob("*") if path.is_file()}
    assert files == {path.relative_to(fetched) for path in fetched.rglob("*") if path.is_file()}
    assert all((fetched / name).read_bytes() == (made.path / name).read_bytes() for name in files)
    assert size == sum(entry.bytes for entry in manifest_in(made.path).files.values())
    assert store.fetch(made.path.name, tmp_path) == fetched


def test_what_is_lost_or_was_never_there_leaves_nothing_and_says_what_to_do(
    store: ArtifactStore, made: Made, tmp_path: Path
) -> None:
    with pytest.raises(ArtifactStoreError, match="compile the model again"):
        store.fetch("0" * 64, tmp_path / "fetched")

    store.keep(made.path)
    [key, *_] = store.objects.keys("artifacts/files/")
    store.objects.delete_all_versions(key)
    with pytest.raises(ArtifactStoreError, match=r"has lost .*compile the model again"):
        store.fetch(made.path.name, tmp_path)
    assert [path for path in tmp_path.iterdir() if path.name not in ("objects",)] == []
