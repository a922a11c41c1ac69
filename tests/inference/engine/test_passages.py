from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import models, normalizers, pre_tokenizers, processors

from inference.engine.errors import CheckpointError
from inference.engine.passages import Passages
from inference.engine.tokenizer import Tokenizer
from tests.inference.engine import checkpoints

FAR = 1 << 20


def words(*, around: bool = True) -> Tokenizer:
    """A tokenizer of whole words, with a special token before and two behind."""
    vocabulary = {"[UNK]": 0, "[B]": 1, "[E]": 2}
    made = tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    if around:
        made.add_special_tokens(["[B]", "[E]"])
        made.post_processor = processors.TemplateProcessing(
            single="[B] $A [E] [E]", special_tokens=[("[B]", 1), ("[E]", 2)]
        )
    return Tokenizer(made, None)


@given(st.integers(0, 400), st.integers(19, 90))
@settings(max_examples=100, deadline=None)
def test_each_token_has_the_row_of_the_passage_that_sees_most_around_it(count: int, longest: int) -> None:
    passages = Passages(words(), longest)
    read = passages.read(" ".join("w" * (1 + n % 3) for n in range(count)))
    assert len(read.places) == count
    assert all(passage[0] == 1 and passage[-2:] == [2, 2] and len(passage) <= longest for passage in read.passages)
    # A row says which token of the text it is of, and how far the nearer edge of its passage is that is not the text's.
    rows = []
    for start, passage in zip(read.starts, read.passages, strict=True):
        inside = len(passage) - 3
        margins = [
            min(place if start else FAR, inside - 1 - place if start + inside < count else FAR)
            for place in range(inside)
        ]
        numbered = [(start + place, margin) for place, margin in enumerate(margins)]
        rows.append(numpy.array([(-1, -1), *numbered, (-1, -1), (-1, -1)], dtype="<f4"))

    joined = passages.join(read, rows)

    assert len(joined) == count
    assert [int(number) for number, _ in joined] == list(range(count))
    assert all(margin >= passages.room // 8 - 1 for _, margin in joined)
    assert all(later - start <= passages.room - passages.room // 4 for start, later in pairwise(read.starts))


def test_places_are_code_points_and_words() -> None:
    tokenizer = Tokenizer(checkpoints.tokenizer(), None)
    text = "Ünal 🙂 漢字"

    ids, places = tokenizer.encode_places(text)

    assert ids == tokenizer.encode(text)
    assert {place for start, end, _ in places for place in range(start, end)} >= {0, 1, 2, 3, 5, 7, 8}
    assert max(end for _, end, _ in places) == len(text)
    assert len({word for _, _, word in places}) == 3


def test_special_tokens_are_told_from_the_text() -> None:
    assert words().around() == ([1], [2, 2])
    assert words(around=False).around() == ([], [])


def test_a_model_without_room_is_refused() -> None:
    with pytest.raises(CheckpointError, match="no room"):
        Passages(words(), 18)


def test_a_tokenizer_that_loses_its_characters_is_refused() -> None:
    made = checkpoints.tokenizer()
    made.normalizer = normalizers.Replace("n", "")

    with pytest.raises(CheckpointError, match="characters"):
        Passages(Tokenizer(made, None), 64)


def test_a_tokenizer_that_fails_is_refused() -> None:
    made = tokenizers.Tokenizer(models.WordLevel({"Anna": 0}, unk_token="?"))

    with pytest.raises(CheckpointError, match="download the file again"):
        Passages(Tokenizer(made, None), 64)


def test_an_empty_text_has_no_passages() -> None:
    passages = Passages(words(), 64)
    read = passages.read(" \n")

    assert read.passages == () and read.places.shape == (0, 3)
    assert len(passages.join(read, [])) == 0


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_the_random_taggers_tokenizer_serves(tmp_path: Path, kind: str) -> None:
    tokenizer = Tokenizer.open(checkpoints.save_tagger(tmp_path, kind))
    assert Passages(tokenizer, 64).read("Anna Schmidt").starts == (0,)
