"""Artifacts of models that embed and that tag: proven, served beside the reference, compared, and refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy
import pytest

from inference.engine import compiled_encoder
from inference.engine.client import EngineClient
from inference.engine.deployment import Deployment, Guards, Stages, Version, pinned
from inference.engine.making import Disproven, Made, Unmade
from inference.engine.protocol import Deploy, Embed, Embedded, Tag, Tagged
from inference.engine.stats import TrialStats
from tests.inference.engine import artifacts, checkpoints
from tests.inference.engine.calls import stats, tried, with_client
from tests.inference.engine.conftest import EngineProcess

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")
NAME = "texts"
SAVED = {"embedding": checkpoints.save_encoder, "tagging": checkpoints.save_tagger}


@pytest.fixture(scope="session")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Made]]:
    """Of each kind a checkpoint and an artifact of it, which nobody changes."""
    into = tmp_path_factory.mktemp("artifacts")
    sources = {kind: save(tmp_path_factory.mktemp(kind)) for kind, save in SAVED.items()}
    return {kind: (source, artifacts.made(source, into)) for kind, source in sources.items()}


@pytest.fixture
def engine(start_engine: Callable[..., EngineProcess], tmp_path: Path) -> EngineProcess:
    (tmp_path / "models").mkdir()
    return start_engine("--trust", str(artifacts.trust(tmp_path)), models=tmp_path / "models")


def beside(source: Path, made: Made, share: float, stages: Stages | None = None) -> Deployment:
    main = Version(str(source), made.manifest.checkpoint, 1 - share)
    return Deployment(NAME, versions=[main, artifacts.version(source, made, share)], stages=stages)


async def rows(client: EngineClient, kind: str, model: str = NAME, number: int = 0) -> tuple[numpy.ndarray, str]:
    """What a model says of some texts, and the version that said it."""
    texts: list[Any] = [f"{number} foxes jump over the dog", "over", "the quick brown fox " * 4]
    if kind == "embedding":
        answer = await client.call(Embed(f"r{number}", "ws", model, texts))
        assert isinstance(answer, Embedded)
        return numpy.frombuffer(answer.data, dtype="<f4").reshape(3, -1), answer.version
    answer = await client.call(Tag(f"r{number}", "ws", model, texts))
    assert isinstance(answer, Tagged)
    return numpy.frombuffer(answer.scores, dtype="<f4").reshape(-1, len(answer.labels)), answer.version


async def until(client: EngineClient, kind: str, condition: Callable[[TrialStats], bool]) -> TrialStats:
    return await tried(client, lambda number: rows(client, kind, number=number), condition)


@pytest.mark.parametrize("kind", SAVED)
def test_reference_and_artifact_say_the_same_beside_each_other(
    kind: str, encoders: dict[str, tuple[Path, Made]], engine: EngineProcess
) -> None:
    source, made = encoders[kind]

    async def work(client: EngineClient) -> None:
        await client.call(Deploy(beside(source, made, 0.5)))
        seen = {(await rows(client, kind, number=number))[1] for number in range(24)}
        assert seen == {made.manifest.checkpoint[:12], made.path.name[:12]}
        theirs, mine = [
            (await rows(client, kind, pinned(NAME, identity)))[0]
            for identity in (made.manifest.checkpoint, made.path.name)
        ]
        assert numpy.abs(mine - theirs).max() < 0.05 * numpy.abs(theirs).max()
        assert {model.slow_path for model in (await stats(client)).models} == {0}

    with_client(engine, work)
    said = made.manifest.evidence.parity
    assert ("agreement" in said, "chi_square" in said) == (kind == "tagging", False)
    assert said["error"] <= said["allowed"]


@pytest.mark.parametrize("kind", SAVED)
def test_a_canary_is_compared_and_answers_and_no_guard_trips(
    kind: str, encoders: dict[str, tuple[Path, Made]], engine: EngineProcess
) -> None:
    source, made = encoders[kind]

    async def work(client: EngineClient) -> None:
        await client.call(Deploy(beside(source, made, 0.0, Stages())))
        seen = await until(client, kind, lambda trial: trial.compared >= 12)
        assert seen.answered == 0
        await client.call(Deploy(beside(source, made, 0.5, Stages(stage=3))))
        seen = await until(client, kind, lambda trial: trial.answered >= 8)
        assert seen.guards["errors"].seen == seen.answered
        assert [guard for guard, found in seen.guards.items() if found.bad and guard != "p95"] == []

    with_client(engine, work)


def test_what_points_elsewhere_trips(encoders: dict[str, tuple[Path, Made]], engine: EngineProcess) -> None:
    source, made = encoders["embedding"]

    async def work(client: EngineClient) -> None:
        # Held to more than bfloat16 can do: the fault is in the guard, not planted.
        await client.call(Deploy(beside(source, made, 0.0, Stages(guards=Guards(kl=1e-12)))))
        await until(client, "embedding", lambda trial: trial.guards["divergence"].tripped)

    with_client(engine, work)


def test_what_was_altered_is_refused_and_the_reference_serves(
    encoders: dict[str, tuple[Path, Made]], engine: EngineProcess
) -> None:
    source, made = encoders["embedding"]
    path = artifacts.replanted(made.path, lambda fields, work: fields["fingerprint"].update(device="Another"))
    version = artifacts.version(source, made)
    assert version.compiled is not None
    other = msgspec.structs.replace(version.compiled, artifact=path.name, path=str(path))

    async def work(client: EngineClient) -> None:
        with pytest.raises(Exception, match="invalid_checkpoint"):
            await client.call(Deploy(Deployment(NAME, versions=[msgspec.structs.replace(version, compiled=other)])))
        assert (await stats(client)).refused_artifacts == [(NAME, "device", 1)]

    with_client(engine, work)


def test_a_wrong_kernel_is_stopped_by_parity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", str(artifacts.compiler(tmp_path, artifacts.WRONG)))
    with pytest.raises(Disproven, match=r"the error is .* is allowed.*It was not kept"):
        artifacts.made(checkpoints.save_encoder(tmp_path / "model"), tmp_path / "artifacts")

    assert list((tmp_path / "artifacts").iterdir()) == []


def test_bytes_that_would_answer_otherwise_are_no_artifact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_encoder, "LEAST_COSINE", 0.9999999)
    with pytest.raises(Unmade, match="is the least; leave them in bfloat16"):
        artifacts.made(checkpoints.save_encoder(tmp_path / "model"), tmp_path / "artifacts", "int8")

    assert list((tmp_path / "artifacts").iterdir()) == []
