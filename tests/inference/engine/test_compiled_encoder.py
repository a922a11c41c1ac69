from __future__ import annotations

from pathlib import Path

import numpy
import pytest
import torch

from inference.engine import compiled_encoder
from inference.engine.checkpoint import Checkpoint
from inference.engine.compiled_encoder import CompiledEncoder, TooCoarse
from inference.engine.deployment import Version
from inference.engine.encoder_runner import EncoderRunner
from inference.engine.encoder_worker import EncoderWorker
from inference.engine.errors import CheckpointError
from inference.engine.models.layers import DtypeName
from inference.engine.served import LoadOptions, load_model
from tests.inference.engine import checkpoints
from tests.inference.engine.test_encoder import TEXTS

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")
LENGTHS = (4, 1, 60, 17, 2)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compiled")


def vectors(runner: EncoderRunner | CompiledEncoder, texts: list[list[int]]) -> numpy.ndarray:
    found = runner.embed(texts, [None] * len(texts))
    return numpy.array([numpy.frombuffer(vector or b"", dtype="<f4") for vector in found])


def random_texts(*lengths: int) -> list[list[int]]:
    drawn = torch.Generator().manual_seed(3)
    return [torch.randint(2, 320, (length,), generator=drawn).tolist() for length in lengths]


@pytest.mark.parametrize(("kind", "pooling"), [("bert", "cls"), ("bert", "mean"), ("roberta", "mean")])
def test_every_kind_computes_what_the_network_does(tmp_path: Path, compiled: Path, kind: str, pooling: str) -> None:
    checkpoint = Checkpoint.open(checkpoints.save_encoder(tmp_path, kind, pooling=pooling))
    texts = random_texts(*LENGTHS)

    ours = vectors(CompiledEncoder(checkpoint, compiled, dtype="float32"), texts)

    assert numpy.abs(ours - vectors(EncoderRunner(checkpoint), texts)).max() < 1e-5


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_minilm_points_where_the_network_does(compiled: Path, dtype: DtypeName) -> None:
    checkpoint = Checkpoint.open(checkpoints.minilm())
    ids = [checkpoint.tokenizer().encode(text) for text in TEXTS]

    ours = vectors(CompiledEncoder(checkpoint, compiled, dtype=dtype), ids)

    assert (ours * vectors(EncoderRunner(checkpoint), ids)).sum(1).min() >= (0.999999 if dtype == "float32" else 0.9999)
    assert numpy.linalg.norm(ours, axis=1) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_labels_have_the_scores_that_the_network_gives_them(tmp_path: Path, compiled: Path, kind: str) -> None:
    checkpoint = Checkpoint.open(checkpoints.save_tagger(tmp_path, kind))
    texts = random_texts(*LENGTHS)

    ours = CompiledEncoder(checkpoint, compiled, dtype="float32").tag(texts)

    for mine, theirs in zip(ours, EncoderRunner(checkpoint).tag(texts), strict=True):
        assert mine is not None and theirs is not None
        numpy.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_text_has_the_same_bits_alone_and_in_company(compiled: Path, dtype: DtypeName) -> None:
    runner = CompiledEncoder(Checkpoint.open(checkpoints.minilm()), compiled, dtype=dtype)
    texts = random_texts(200, 3, 64, 131, 17, 90)

    together = runner.embed(texts, [None] * len(texts))

    assert [runner.embed([ids], [None])[0] for ids in texts] == together
    assert runner.embed(texts[::-1], [None] * len(texts)) == together[::-1]


def test_more_tokens_than_a_call_takes_are_several_calls(tmp_path: Path, compiled: Path) -> None:
    checkpoint = Checkpoint.open(checkpoints.save_encoder(tmp_path))
    runner = CompiledEncoder(checkpoint, compiled, dtype="float32")
    texts = random_texts(*[60] * 20)
    assert sum(map(len, texts)) > 2 * runner._step.most_tokens

    assert numpy.abs(vectors(runner, texts) - vectors(EncoderRunner(checkpoint), texts)).max() < 1e-5


def test_a_vector_that_is_cut_has_length_one_again(compiled: Path) -> None:
    runner = CompiledEncoder(Checkpoint.open(checkpoints.minilm()), compiled, dtype="float32")
    whole, cut = runner.embed([[101, 2000, 102]] * 2, [None, 16])

    head = numpy.frombuffer(whole or b"", dtype="<f4")[:16]

    numpy.testing.assert_allclose(numpy.frombuffer(cut or b"", dtype="<f4"), head / numpy.linalg.norm(head), rtol=1e-5)


def test_an_output_that_is_not_finite_is_told_from_the_others(tmp_path: Path, compiled: Path) -> None:
    runner = CompiledEncoder(Checkpoint.open(checkpoints.save_encoder(tmp_path)), compiled, dtype="float32")

    # An id that the table does not have is no number.
    vectors = runner.embed([[5, 6], [5, 400], [7, 8]], [None, 16, None])

    assert [vector is None for vector in vectors] == [False, True, False]


def test_what_a_call_left_is_wiped(tmp_path: Path, compiled: Path) -> None:
    runner = CompiledEncoder(Checkpoint.open(checkpoints.save_encoder(tmp_path)), compiled)
    vectors(runner, random_texts(20))
    native = runner._step._native
    assert native._memory.any()

    assert runner.wipe_buffers() > 0
    assert not native._memory.any()


def test_a_second_start_captures_packs_and_compiles_nothing_and_says_the_same(
    tmp_path: Path, compiled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = Checkpoint.open(checkpoints.save_encoder(tmp_path))
    first = CompiledEncoder(checkpoint, compiled)
    before = sorted(path for path in compiled.rglob("*"))
    monkeypatch.setattr(CompiledEncoder, "_made", pytest.fail)
    monkeypatch.setattr(Checkpoint, "weights", pytest.fail)

    second = CompiledEncoder(checkpoint, compiled)

    assert sorted(path for path in compiled.rglob("*")) == before
    assert (vectors(first, random_texts(*LENGTHS)) == vectors(second, random_texts(*LENGTHS))).all()


def test_a_decoder_is_refused(tmp_path: Path, compiled: Path) -> None:
    with pytest.raises(CheckpointError, match="not an encoder"):
        CompiledEncoder(Checkpoint.open(checkpoints.save_decoder(tmp_path)), compiled)


def test_minilm_of_bytes_points_the_same_way(compiled: Path) -> None:
    checkpoint = Checkpoint.open(checkpoints.minilm())
    ids = [checkpoint.tokenizer().encode(text) for text in TEXTS]
    runner = CompiledEncoder(checkpoint, compiled, weights="int8")

    ours = vectors(runner, ids)

    assert (ours * vectors(EncoderRunner(checkpoint), ids)).sum(1).min() >= 0.999
    assert runner.embed(ids[:1], [None]) == runner.embed(ids, [None] * len(ids))[:1]


def test_bytes_that_would_answer_otherwise_are_refused_and_the_weights_kept(
    tmp_path: Path, compiled: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compiled_encoder, "LEAST_COSINE", 0.9999999)
    folder = checkpoints.save_encoder(tmp_path / "model")
    checkpoint = Checkpoint.open(folder)
    with pytest.raises(TooCoarse, match="leave them in"):
        CompiledEncoder(checkpoint, compiled, weights="int8")

    served = load_model("embed", Version(str(folder)), LoadOptions(compiled=compiled, weights="int8"))

    assert isinstance(served.worker, EncoderWorker)
    found = vectors(served.worker._runner, random_texts(9, 30))
    assert (found == vectors(CompiledEncoder(checkpoint, compiled), random_texts(9, 30))).all()
    assert "engine.model.unquantized" in capsys.readouterr().err
