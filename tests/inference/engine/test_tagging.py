from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from inference.engine import Tagger
from inference.engine.checkpoint import Checkpoint, inspect
from inference.engine.client import EngineClient, EngineFailure
from inference.engine.deployment import Version
from inference.engine.encoder_runner import EncoderRunner
from inference.engine.encoder_worker import EncoderWorker
from inference.engine.errors import CheckpointError
from inference.engine.intake import receive_tagging
from inference.engine.protocol import Embed, Erase, ListModels, Models, Stats, Tag, Tagged
from inference.engine.receipts import Scope
from inference.engine.request import Tagging
from inference.engine.served import LoadOptions, ServedModel, load_model
from inference.engine.stats import StatsReport
from tests.inference.engine import checkpoints
from tests.inference.engine.conftest import EngineProcess
from tests.inference.engine.harness import Events
from tests.inference.engine.test_memory_scan import found

TEXTS = ["the quick brown fox", "", "jumps over the lazy dog, Ünal 🙂 and the other animals " * 8, "\x00"]


@pytest.fixture(scope="module", params=["bert", "roberta"])
def folder(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.save_tagger(tmp_path_factory.mktemp("tagger"), request.param)


def tagged(model: ServedModel, *texts: str) -> Tagged:
    """What the model's worker answers, stepped by hand."""
    events = Events()
    model.worker.submit(receive_tagging(Tag("r", "ws", "tagger", list(texts)), model, events), 0.0)
    while model.worker.step(0.0):
        pass
    assert isinstance(events.outcome, Tagged), events.outcome
    return events.outcome


def scores(answer: Tagged) -> list[numpy.ndarray]:
    whole = numpy.frombuffer(answer.scores, dtype="<f4").reshape(-1, len(answer.labels))
    return numpy.split(whole, numpy.cumsum(answer.counts)[:-1])


def places(answer: Tagged) -> list[numpy.ndarray]:
    return numpy.split(numpy.frombuffer(answer.places, dtype="<i4").reshape(-1, 3), numpy.cumsum(answer.counts)[:-1])


def test_short_texts_have_the_logits_of_transformers(folder: Path) -> None:
    model = load_model("tagger", Version(str(folder)), LoadOptions(dtype="float32"))
    reference: Any = transformers.AutoModelForTokenClassification.from_pretrained(folder).eval()

    answer = tagged(model, TEXTS[0], TEXTS[1])

    ids = model.tokenizer.encode(TEXTS[0])
    before, behind = model.tokenizer.around()
    with torch.inference_mode():
        expected = reference(torch.tensor([ids])).logits[0, len(before) : len(ids) - len(behind)].numpy()
    assert answer.labels == list(checkpoints.LABELS)
    assert [len(rows) for rows in scores(answer)] == [len(expected), 0]
    assert numpy.abs(scores(answer)[0] - expected).max() < 1e-4
    covered = {place for start, end, _ in places(answer)[0] for place in range(start, end)}
    assert covered >= {place for place, character in enumerate(TEXTS[0]) if character != " "}


def test_texts_of_any_length_keep_their_order_and_their_tokens(folder: Path) -> None:
    model = load_model("tagger", Version(str(folder)), LoadOptions(dtype="float32"))

    together = tagged(model, *TEXTS)
    alone = [tagged(model, text) for text in TEXTS]

    assert together.counts == [answer.counts[0] for answer in alone]
    assert together.counts[2] > model.info.max_tokens
    assert together.prompt_tokens > sum(together.counts)
    for mine, other in zip(scores(together), alone, strict=True):
        assert numpy.allclose(mine, scores(other)[0], atol=1e-4)
    text = TEXTS[2]
    starts = [start for start, _, _ in places(together)[2]]
    assert starts == sorted(starts) and max(end for _, end, _ in places(together)[2]) >= len(text.rstrip())


def test_what_is_no_tagger_is_told_apart(folder: Path, tmp_path: Path) -> None:
    assert inspect(folder).kind == "tagging"
    assert inspect(checkpoints.save_encoder(tmp_path)).kind == "embedding"


def test_a_checkpoint_without_a_head_or_names_for_it_is_refused(tmp_path: Path) -> None:
    folder = checkpoints.save_tagger(tmp_path, "bert")
    config = json.loads((folder / "config.json").read_text())

    def refused(**changes: Any) -> str:
        (folder / "config.json").write_text(json.dumps(config | changes))
        with pytest.raises(CheckpointError) as failure:
            inspect(folder)
        return str(failure.value)

    assert "id2label" in refused(id2label=None)
    assert "id2label" in refused(id2label={"0": "O", "2": "B-PER"})
    assert "id2label" in refused(id2label={"0": "O", "1": 7})
    assert "'classifier.weight' has the shape" in refused(id2label={"0": "O", "1": "B-PER"})
    assert "BertForTokenClassification" in refused(architectures=["BertForQuestionAnswering"])
    tensors = load_file(folder / "model.safetensors")
    del tensors["classifier.bias"]
    save_file(tensors, folder / "model.safetensors")
    assert "tensor 'classifier.bias' is missing" in refused()


def test_an_output_that_is_not_finite_ends_the_request(folder: Path) -> None:
    runner = EncoderRunner(Checkpoint.open(folder))
    runner._network.word_embeddings.weight[9] = float("nan")

    assert [rows is None for rows in runner.tag([[5, 6], [5, 9]])] == [False, True]


def test_a_workspace_with_much_to_tag_does_not_keep_another_waiting(folder: Path) -> None:
    model = load_model("tagger", Version(str(folder)), LoadOptions())
    worker = model.worker
    assert isinstance(worker, EncoderWorker)

    def submit(workspace: str, *texts: str) -> Tagging:
        request = receive_tagging(Tag("r", workspace, "tagger", list(texts)), model, Events())
        worker.submit(request, 0.0)
        return request

    loud = [submit("loud", TEXTS[2] * 4) for _ in range(10)]
    quiet = submit("quiet", TEXTS[0])
    for _ in range(2):
        worker.step(0.0)

    assert isinstance(quiet.sink, Events) and isinstance(quiet.sink.outcome, Tagged)
    assert sum(request.missing > 0 for request in loud) >= 8


def test_a_tagger_does_not_embed_and_an_embedder_does_not_tag(
    start_engine: Callable[..., EngineProcess], folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "tagger").symlink_to(folder)
    checkpoints.save_encoder(tmp_path / "embed")
    engine = start_engine(models=tmp_path)

    async def work() -> None:
        client = EngineClient(engine.socket)
        for wire in (Embed("r", "ws", "tagger", ["text"]), Tag("r", "ws", "embed", ["text"])):
            with pytest.raises(EngineFailure) as failure:
                await client.call(wire)
            assert failure.value.error.code == "wrong_model_kind"
        for inputs in ([], [""] * 20_000):
            with pytest.raises(EngineFailure) as failure:
                await client.call(Tag("r", "ws", "tagger", inputs))
            assert failure.value.error.status == 400
        listed = await client.call(ListModels())
        assert isinstance(listed, Models)
        cards = {card.name: (card.kind, card.labels) for card in listed.models}
        assert cards == {"tagger": ("tagging", list(checkpoints.LABELS)), "embed": ("embedding", [])}
        await client.close()

    asyncio.run(asyncio.wait_for(work(), 60))


def test_what_was_tagged_is_kept_nowhere(
    start_engine: Callable[..., EngineProcess], folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "tagger").symlink_to(folder)
    engine = start_engine("--wipe-freed", models=tmp_path)
    canary = "".join(secrets.choice("BCDFGHJKLMNPQRSTVWXZ") for _ in range(40))

    async def work() -> None:
        client = EngineClient(engine.socket)
        first = await client.call(Tag("r", "ws", "tagger", [f"I am {canary}"]))
        again = await client.call(Tag("r", "ws", "tagger", [f"I am {canary}"]))
        assert isinstance(first, Tagged) and isinstance(again, Tagged)
        assert first.prompt_tokens == again.prompt_tokens > 0
        report = await client.call(Stats())
        assert isinstance(report, StatsReport)
        # Nothing was met again: both were computed.
        assert report.models[0].prompt_tokens == 2 * first.prompt_tokens
        assert canary not in str(report)
        await client.call(Erase(Scope("ws")))
        await client.close()

    asyncio.run(asyncio.wait_for(work(), 60))
    assert canary not in engine.log_text()
    assert found(engine.process.pid, {"text": canary[10:30].encode()}) == {"text": 0}


def test_as_a_library_it_gives_the_same(folder: Path, tmp_path: Path) -> None:
    answer = tagged(load_model("tagger", Version(str(folder)), LoadOptions(dtype="float32")), *TEXTS)

    tagger = Tagger(folder, dtype="float32")
    texts = tagger(TEXTS)

    assert tagger.labels == answer.labels
    for text, rows, where in zip(texts, scores(answer), places(answer), strict=True):
        assert numpy.allclose(numpy.array(text.logits).reshape(-1, len(tagger.labels)), rows, atol=1e-4)
        assert [(*place, word) for place, word in zip(text.offsets, text.words, strict=True)] == list(map(tuple, where))
    assert tagger([]) == []
    with pytest.raises(CheckpointError, match="ForTokenClassification"):
        Tagger(checkpoints.save_encoder(tmp_path))
