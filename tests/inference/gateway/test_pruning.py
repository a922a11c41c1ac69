from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from pytest_django.plugin import DjangoDbBlocker

from bailiwick.embedded.cluster import Cluster
from cell.access import system_actor
from cell.objects import ObjectStore, open_store
from compiler.tune import canonical
from inference.engine.deployment import DeploymentError, Weights
from inference.gateway import rollout
from inference.gateway.artifact_store import ArtifactStore, ArtifactStoreError
from inference.gateway.artifacts import Outcome, artifact_list, artifact_named, artifacts_retire, record_compilation
from inference.gateway.deployments import deployment_change
from inference.gateway.pruning import keeping, prune

ACTOR = system_actor("command")


@pytest.fixture(autouse=True)
def committed(cluster: Cluster, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database without a transaction around the test: the auditor sees what the command committed."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def objects(tmp_path: Path) -> ObjectStore:
    return open_store(tmp_path / "objects")


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "models" / rollout.ARTIFACTS).mkdir(parents=True)
    return tmp_path / "models"


@pytest.fixture
def checkpoint() -> str:
    """Digest of one that is served under some name."""
    digest = uuid4().hex * 2
    name = f"chat-{digest[:8]}"
    deployment_change(actor=ACTOR, name=name, change=lambda _: rollout.first(name, digest), serve=lambda _: None)
    return digest


def kept(models: Path, objects: ObjectStore, checkpoint: str, weights: Weights, device: str = "One") -> str:
    """The address of an artifact that the cell has: a folder with a file of its own, and one that all have."""
    address = uuid4().hex * 2
    folder = models / rollout.ARTIFACTS / address
    folder.mkdir()
    names = {}
    for name, content in (("own", address), ("same", "the same")):
        (folder / name).write_text(content)
        names[name] = {"sha256": hashlib.sha256(content.encode()).hexdigest(), "bytes": len(content)}
    (folder / "manifest.json").write_text(canonical.text({"files": names}))
    (folder / "signature").write_bytes(b"signed")
    ArtifactStore(objects).keep(folder)
    outcome = Outcome(checkpoint, weights, "near", address)
    record_compilation(actor=ACTOR, model="chat", outcome=outcome, device=device, report={})
    return address


def addresses(checkpoint: str) -> set[str]:
    return {info.artifact for info in artifact_list(checkpoint)}


def removals(cluster: Cluster) -> dict[str, dict[str, str]]:
    with psycopg.connect(cluster.url("bailiwick_auditor")) as auditor:
        rows = auditor.execute("select body from audit_entry where tree = 'cell' order by id").fetchall()
    bodies = [json.loads(bytes(body)) for (body,) in rows]
    return {body["targets"][0]: body["before"] for body in bodies if body["action"] == "model.removed"}


def test_what_is_served_the_newest_of_each_kind_and_nothing_else_stays(
    models: Path, objects: ObjectStore, checkpoint: str, cluster: Cluster
) -> None:
    served = kept(models, objects, checkpoint, "int8")
    before = kept(models, objects, checkpoint, "as-they-are")
    newest = kept(models, objects, checkpoint, "int8")
    elsewhere = kept(models, objects, checkpoint, "int8", "Another")
    unserved = kept(models, objects, uuid4().hex * 2, "int8")
    name = f"chat-{checkpoint[:8]}"
    first = rollout.compiled(checkpoint, before, "as-they-are")
    for new in (first, rollout.compiled(checkpoint, served, "int8")):
        deployment_change(
            actor=ACTOR, name=name, change=lambda now, new=new: rollout.canary(now, new, 0.5), serve=lambda _: None
        )
        deployment_change(actor=ACTOR, name=name, change=rollout.promoted, serve=lambda _: None)
    older, newer = (kept(models, objects, checkpoint, "as-they-are") for _ in range(2))

    told = prune(actor=ACTOR, objects=objects, models=models, dry=True)
    assert {info.artifact for info in told} >= {unserved, older}
    assert not {served, before, newest, elsewhere} & {info.artifact for info in told}
    assert older in addresses(checkpoint) and older in ArtifactStore(objects).addresses()
    gone = {info.artifact for info in prune(actor=ACTOR, objects=objects, models=models)}

    assert gone == {info.artifact for info in told}
    stays = addresses(checkpoint)
    assert stays == {served, before, newest, elsewhere, newer}
    assert ArtifactStore(objects).addresses() == stays == {path.name for path in (models / rollout.ARTIFACTS).iterdir()}
    # The file that all have, and one of each.
    assert len(list(objects.keys("artifacts/files/"))) == 1 + len(stays)
    for address in stays:
        shutil.rmtree(models / rollout.ARTIFACTS / address)
        assert (ArtifactStore(objects).fetch(address, models / rollout.ARTIFACTS) / "own").read_text() == address
    assert removals(cluster)[older] == {"artifact": older, "sha256": checkpoint, "weights": "as-they-are"}
    with pytest.raises(DeploymentError, match="there is no artifact"):
        artifact_named(checkpoint, older)
    assert prune(actor=ACTOR, objects=objects, models=models) == []


def test_what_a_killed_prune_left_is_removed_by_the_next(models: Path, objects: ObjectStore, checkpoint: str) -> None:
    old, stays = (kept(models, objects, checkpoint, "int8") for _ in range(2))
    artifacts_retire(actor=ACTOR)  # and then it died
    assert ArtifactStore(objects).addresses() == {old, stays}

    assert prune(actor=ACTOR, objects=objects, models=models) == []

    assert ArtifactStore(objects).addresses() == {stays}
    assert [path.name for path in (models / rollout.ARTIFACTS).iterdir()] == [stays]


def test_an_artifact_that_comes_again_is_there_again(models: Path, objects: ObjectStore, checkpoint: str) -> None:
    again, newer = (kept(models, objects, checkpoint, "int8") for _ in range(2))
    assert again in {info.artifact for info in prune(actor=ACTOR, objects=objects, models=models)}

    outcome = Outcome(checkpoint, "int8", "near", again)
    record_compilation(actor=ACTOR, model="chat", outcome=outcome, device="One", report={})

    assert addresses(checkpoint) == {again, newer}


def test_nothing_is_pruned_while_a_model_is_compiled(models: Path, objects: ObjectStore, checkpoint: str) -> None:
    old, _ = (kept(models, objects, checkpoint, "int8") for _ in range(2))
    begun, done = threading.Event(), threading.Event()

    def compile_() -> None:
        with keeping(models):
            begun.set()
            done.wait(30)

    thread = threading.Thread(target=compile_)
    thread.start()
    begun.wait(30)
    with pytest.raises(DeploymentError, match="a model is being compiled"):
        prune(actor=ACTOR, objects=objects, models=models)
    assert old in addresses(checkpoint)
    done.set()
    thread.join()
    assert old in {info.artifact for info in prune(actor=ACTOR, objects=objects, models=models)}


def test_no_file_goes_where_one_that_stays_cannot_be_read(models: Path, objects: ObjectStore, checkpoint: str) -> None:
    old, stays = (kept(models, objects, checkpoint, "int8") for _ in range(2))
    files = set(objects.keys("artifacts/files/"))
    objects.put(f"artifacts/manifests/{stays}", b"{")

    with pytest.raises(ArtifactStoreError, match=r"is damaged; compile the model again"):
        prune(actor=ACTOR, objects=objects, models=models)

    assert set(objects.keys("artifacts/files/")) == files
    assert old not in addresses(checkpoint)
