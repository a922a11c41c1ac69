"""Artifacts in a running engine: beside the reference of the same checkpoint, and refused where they do not belong."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bailiwick.models import CHAT_MODEL, demo_checkpoint
from compiler.artifact.publication import SIGNATURE
from compiler.artifact.step_folder import STEP
from compiler.tune.key import Key
from compiler.tune.store import Store
from compiler.tune.tunable import Tunable
from compiler.tune.tuner import Tuner
from inference.engine import deployment
from inference.engine.artifact import Manifest, Proof
from inference.engine.client import EngineClient, EngineFailure
from inference.engine.deployment import Deployment, Version, Weights, pinned
from inference.engine.making import Disproven, Made
from inference.engine.protocol import Deploy, ListModels, ModelInfo, Models
from tests.inference.engine import artifacts, checkpoints
from tests.inference.engine.calls import generate, stats, whole, with_client
from tests.inference.engine.conftest import EngineProcess
from tests.test_layout import ROOT

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


@pytest.fixture
def copy(made: Made, tmp_path: Path) -> Path:
    """The artifact in a folder that a test may change."""
    return Path(shutil.copytree(made.path, tmp_path / "artifacts" / made.path.name))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


async def info(client: EngineClient) -> ModelInfo:
    listed = await client.call(ListModels())
    assert isinstance(listed, Models)
    [model] = listed.models
    return model


def test_the_reference_and_an_artifact_of_one_checkpoint_serve_beside_each_other(
    source: Path, made: Made, models: Path, start_engine: Callable[..., EngineProcess]
) -> None:
    reference = Version(str(source), made.manifest.checkpoint, 0.5)
    both = Deployment("chat", versions=[reference, artifacts.version(source, made, 0.5)])
    deployment.write(both, models / "chat.json")
    engine = start_engine("--trust", str(artifacts.trust(models.parent)), models=models)

    async def work(client: EngineClient) -> None:
        first, second = (await info(client)).versions
        assert (first.compiled, first.refused, second.refused) == (None, "", "")
        assert second.compiled is not None and second.compiled.artifact == made.path.name
        asked = [
            msgspec.structs.replace(generate(model="chat", stream=False, max_tokens=4), request=f"r{n}")
            for n in range(24)
        ]
        seen = {(await whole(client, request)).version for request in asked}
        assert seen == {made.manifest.checkpoint[:12], made.path.name[:12]}
        for identity in (made.manifest.checkpoint, made.path.name):
            answer = await whole(client, generate(model=pinned("chat", identity), stream=False, max_tokens=300))
            assert (answer.version, answer.completion_tokens) == (identity[:12], 300)
        # Prompts of any length in one batch of any size: no shape is one that it was not compiled for.
        name = pinned("chat", made.path.name)
        shapes = [generate("fox " * (3 * n + 1), model=name, stream=False, max_tokens=1 + n) for n in range(40)]
        await asyncio.gather(*(whole(client, each) for each in shapes))
        assert {model.slow_path for model in (await stats(client)).models} == {0}
        # What is loaded is not loaded again: promoted and taken back at once, by its identity.
        alone = msgspec.structs.replace(both.versions[1], share=1.0)
        await client.call(Deploy(Deployment("chat", versions=[alone])))
        assert (await whole(client, generate(model="chat", stream=False))).version == made.path.name[:12]
        await client.call(Deploy(Deployment("chat", versions=[msgspec.structs.replace(reference, share=1.0)])))
        assert (await whole(client, generate(model="chat", stream=False))).version == made.manifest.checkpoint[:12]

    with_client(engine, work)


def other(field: str, value: Any) -> Callable[[Path], Path]:
    def change(fields: dict[str, Any], work: Path) -> None:
        fields["fingerprint"][field] = value

    return lambda path: artifacts.replanted(path, change)


def unsigned(path: Path) -> Path:
    (path / SIGNATURE).unlink()
    return path


def strange(path: Path) -> Path:
    return artifacts.replanted(path, lambda fields, work: None, Ed25519PrivateKey.generate().sign)


def altered(pattern: str, path: Path) -> Path:
    [step, *_] = sorted(path.glob(pattern))
    content = bytearray(step.read_bytes())
    content[-1] ^= 1
    step.write_bytes(content)
    return path


def without(path: Path) -> Path:
    """Proven and signed, but not with the code that this release would compile."""

    def change(fields: dict[str, Any], work: Path) -> None:
        for file in work.glob("kernels/*.so"):
            renamed = file.rename(file.with_name(f"{file.stem.split('-')[0]}-{'0' * 32}-{file.name[-20:]}"))
            del fields["files"][f"kernels/{file.name}"]
            fields["files"][f"kernels/{renamed.name}"] = {}

    return artifacts.replanted(path, change)


def another_step(path: Path) -> Path:
    """Proven and signed, and of a step that this release cannot call."""

    def change(fields: dict[str, Any], work: Path) -> None:
        step = json.loads((work / STEP).read_bytes())
        del step["limits"]
        (work / STEP).write_text(json.dumps(step))

    return artifacts.replanted(path, change)


@pytest.mark.parametrize(
    ("plant", "reason", "remedy"),
    [
        (other("device", "Another processor"), "device", "Compile the model on this host"),
        (other("torch", "1.0"), "library", "Install torch==1.0"),
        (other("headers", "0" * 64), "library", "Compile the model on this host"),
        (other("instructions", ["avx1024"]), "instructions", "Compile the model on this host"),
        (unsigned, "signature", "compile it again"),
        (strange, "signature", "compile it again"),
        (partial(altered, "kernels/*.so"), "bytes", "Fetch it again"),
        (partial(altered, "weights.safetensors"), "bytes", "Fetch it again"),
        (another_step, "schema", "Fetch it again"),
        (without, "library", "Compile the model on this host"),
    ],
)
def test_what_does_not_belong_here_is_refused_and_counted_and_the_reference_serves(
    plant: Callable[[Path], Path],
    reason: str,
    remedy: str,
    source: Path,
    made: Made,
    copy: Path,
    models: Path,
    start_engine: Callable[..., EngineProcess],
) -> None:
    path = plant(copy)
    version = artifacts.version(source, made)
    assert version.compiled is not None
    changed = msgspec.structs.replace(version.compiled, artifact=path.name, path=str(path))
    planted = msgspec.structs.replace(version, compiled=changed)
    deployment.write(Deployment("chat", versions=[planted]), models / "chat.json")
    engine = start_engine("--trust", str(artifacts.trust(models.parent)), models=models)

    async def work(client: EngineClient) -> None:
        answer = await whole(client, generate(model="chat", stream=False, max_tokens=8))
        assert answer.completion_tokens == 8
        [shown] = (await info(client)).versions
        assert remedy in shown.refused
        report = await stats(client)
        assert report.refused_artifacts == [("chat", reason, 1)]
        assert report.models[0].slow_path >= 8, "the reference serves in its place"
        # Whoever changes what is served is told, and nothing changes.
        with pytest.raises(EngineFailure) as failure:
            again = msgspec.structs.replace(planted, share=0.0)
            await client.call(Deploy(Deployment("other", versions=[Version(str(source), again.digest), again])))
        assert remedy in failure.value.error.message

    with_client(engine, work)
    [refused, *_] = [event for event in engine.events() if event["event"] == "engine.artifact.refused"]
    assert (refused["model"], refused["reason"]) == ("chat", reason)


def test_an_engine_that_died_in_an_artifact_comes_back_with_the_reference(
    source: Path, models: Path, start_engine: Callable[..., EngineProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    fuse = models.parent / "fuse"
    monkeypatch.setenv("CXX", str(artifacts.compiler(models.parent, artifacts.fatal(fuse))))
    bad = artifacts.made(source, models.parent / "artifacts")
    deployment.write(Deployment("chat", versions=[artifacts.version(source, bad)]), models / "chat.json")
    trust = str(artifacts.trust(models.parent))

    async def answer(client: EngineClient) -> None:
        assert (await whole(client, generate(model="chat", stream=False, max_tokens=8))).completion_tokens == 8

    async def none(client: EngineClient) -> None:
        with pytest.raises(EngineFailure):
            await whole(client, generate(model="chat", stream=False, max_tokens=8))

    first = start_engine("--trust", trust, models=models)
    with_client(first, answer)
    first.process.kill()  # from outside, which is nobody's fault
    first.process.wait()
    second = start_engine("--trust", trust, models=models)
    with_client(second, answer)
    fuse.touch()
    with_client(second, none)
    assert second.process.wait(30) == -signal.SIGSEGV
    third = start_engine("--trust", trust, models=models)

    async def counted(client: EngineClient) -> None:
        await answer(client)
        report = await stats(client)
        assert report.refused_artifacts == [("chat", "fault", 1)]
        assert report.models[0].slow_path >= 8

    with_client(third, counted)
    [died] = [event for event in third.events() if event["event"] == "engine.died"]
    assert (died["artifacts"], died["reason"]) == (bad.path.name, "Fatal Python error: Segmentation fault")
    assert third.stop() == 0
    fuse.unlink()
    fourth = start_engine("--trust", trust, models=models)

    async def again(client: EngineClient) -> None:
        await answer(client)
        assert (await stats(client)).refused_artifacts == []

    with_client(fourth, again)


def test_an_engine_that_trusts_nobody_runs_nothing(
    source: Path, made: Made, models: Path, start_engine: Callable[..., EngineProcess]
) -> None:
    deployment.write(Deployment("chat", versions=[artifacts.version(source, made)]), models / "chat.json")
    engine = start_engine(models=models)

    async def work(client: EngineClient) -> None:
        [shown] = (await info(client)).versions
        assert "Give it --trust FILE" in shown.refused

    with_client(engine, work)


def test_a_wrong_kernel_is_stopped_by_parity_and_not_kept(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", str(artifacts.compiler(tmp_path, artifacts.WRONG)))
    told = r"not what the checkpoint means: the error is .* is allowed.*It was not kept"
    with pytest.raises(Disproven, match=told) as stopped:
        artifacts.made(source, tmp_path / "artifacts")

    assert stopped.value.judged.said["error"] > stopped.value.judged.said["allowed"]
    assert list((tmp_path / "artifacts").iterdir()) == []


def test_what_draws_wrong_tokens_from_right_logits_is_stopped_too(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", str(artifacts.compiler(tmp_path, artifacts.ALWAYS_THE_SAME)))
    with pytest.raises(Disproven, match="not drawn as its logits say") as stopped:
        artifacts.made(source, tmp_path / "artifacts")

    assert stopped.value.judged.said["error"] <= stopped.value.judged.said["allowed"]
    assert list((tmp_path / "artifacts").iterdir()) == []


class Chosen(Tuner):
    """Has measured that nothing is to be fetched ahead."""

    def tune(self, tunable: Tunable, key: Key) -> Any:
        self.winner = {**tunable.space.default, "MATMUL_AHEAD": 0}
        tunable.build(self.winner)()
        assert tunable.parity(self.winner)
        return self


@pytest.mark.parametrize("kind", ["chat", "embedding"])
def test_settings_that_were_measured_are_in_the_artifact_and_are_what_is_served(
    kind: str, source: Path, tmp_path: Path, models: Path, start_engine: Callable[..., EngineProcess]
) -> None:
    path = source if kind == "chat" else checkpoints.save_encoder(tmp_path / "encoder")
    found = artifacts.made(path, tmp_path / "artifacts", tuner=Chosen(Store(tmp_path / "store")))
    deployment.write(Deployment("tuned", versions=[artifacts.version(path, found)]), models / "tuned.json")
    engine = start_engine("--trust", str(artifacts.trust(models.parent)), models=models)

    async def work(client: EngineClient) -> None:
        [shown] = (await info(client)).versions
        assert (shown.refused, [model.slow_path for model in (await stats(client)).models]) == ("", [0])

    with_client(engine, work)
    assert json.loads((found.path / STEP).read_bytes())["knobs"]["MATMUL_AHEAD"] == 0
    assert len(list(found.path.glob("kernels/*.so"))) == 1


@pytest.mark.parametrize("weights", ["as-they-are", "int8"])
def test_no_step_of_an_artifact_is_slower_than_torchs(weights: Weights, made: Made, tmp_path: Path) -> None:
    """Batches, types and quality in one: what a change of the compiler makes slower or wrong is seen here first."""
    found = made if weights == "as-they-are" else artifacts.made(demo_checkpoint(CHAT_MODEL), tmp_path, weights)
    evidence = found.manifest.evidence

    assert [(each["step"], each["batch"]) for each in evidence.measurements] == [
        ("decode", 1),
        ("decode", 8),
        ("prompt", 1),
    ]
    assert [each for each in evidence.measurements if each["median_ns"] > each["reference_ns"]] == []
    assert (
        evidence.parity["kl"] <= 0.05 and evidence.parity["chi_square"] > 1e-6 and evidence.parity["structured"] == 1.0
    )


def test_every_member_is_on_the_page(made: Made) -> None:
    written = (ROOT / "docs" / "formats" / "artifact.md").read_text().partition("## Of a model that a cell serves")[2]
    members = [each.name for each in (*msgspec.structs.fields(Manifest), *msgspec.structs.fields(Proof))]
    evidence = made.manifest.evidence
    members += [*evidence.parity, *(name for each in evidence.measurements for name in each)]

    assert [name for name in members if f"`{name}`" not in written] == []
