from __future__ import annotations

from typing import Any

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import decoders, models

from inference.engine.errors import CheckpointError, Refusal
from inference.engine.template import ChatTemplate
from inference.engine.tokenizer import TextStream, Tokenizer
from tests.inference.engine import checkpoints

MESSAGES = [{"role": "user", "content": "héllo <b>"}, {"role": "assistant", "content": "yes"}]


def byte_level() -> Tokenizer:
    return Tokenizer(checkpoints.tokenizer(), None)


def token_id(tokenizer: Tokenizer, name: str) -> int:
    found: int | None = tokenizer._tokenizer.token_to_id(name)
    assert found is not None
    return found


def sentencepiece_like() -> Tokenizer:
    """Words with a space mark, and bytes for everything else: Llama 2's and Mistral's layout."""
    vocabulary = {"<unk>": 0, **{f"<0x{byte:02X}>": byte + 1 for byte in range(256)}}
    for word in ("▁hello", "▁world", "▁", "a", "b"):
        vocabulary[word] = len(vocabulary)
    made = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=[], byte_fallback=True, unk_token="<unk>"))
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return Tokenizer(made, None)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60), st.integers(0, 10))
@settings(max_examples=150, deadline=None)
def test_pieces_join_to_the_text_and_no_piece_has_half_a_character(text: str, split: int) -> None:
    tokenizer = byte_level()
    ids = tokenizer.encode(text)
    prompt, answer = ids[:split], ids[split:]
    stream = TextStream(tokenizer, prompt)

    pieces = [stream.push(token) for token in answer] + [stream.flush()]

    if "\ufffd" not in tokenizer.decode(answer):
        assert all("\ufffd" not in piece for piece in pieces)
    assert "".join(pieces) == tokenizer.decode(answer)


@given(st.lists(st.integers(0, 319), max_size=120))
@settings(max_examples=100, deadline=None)
def test_any_tokens_stream_to_what_decoding_at_once_gives(ids: list[int]) -> None:
    tokenizer = byte_level()
    stream = TextStream(tokenizer, [])

    pieces = [stream.push(token) for token in ids] + [stream.flush()]

    assert "".join(pieces).replace("\ufffd", "") == tokenizer.decode(ids).replace("\ufffd", "")


def test_spaces_and_byte_tokens_of_a_sentencepiece_tokenizer_survive() -> None:
    tokenizer = sentencepiece_like()
    names = ["▁hello", "▁world", "<0xE2>", "<0x82>", "<0xAC>", "▁", "a"]
    ids = [token_id(tokenizer, name) for name in names]
    stream = TextStream(tokenizer, ids[:1])

    pieces = [stream.push(token) for token in ids[1:]]

    assert pieces == [" world", "", "", "€", " ", "a"]
    assert tokenizer.token_text(ids[2]) == ("\ufffd", b"\xe2")
    assert tokenizer.token_text(ids[0]) == (" hello", b" hello")


def test_bytes_that_are_no_text_are_given_out_and_never_pile_up() -> None:
    tokenizer = byte_level()
    lone = token_id(tokenizer, "ÿ")
    stream = TextStream(tokenizer, [])

    pieces = [stream.push(lone) for _ in range(500)]

    assert len("".join(pieces)) >= 490
    assert len(stream._ids) <= TextStream.MAX_WINDOW + 1


def test_templates_have_what_transformers_gives_them() -> None:
    source = (
        "{{ bos_token }}{%- for m in messages %}{% if loop.index == 9 %}{% break %}{% endif %}"
        "{{ m | tojson }}{{ loop.last }}{{ '' if loop.first else loop.previtem.role }}\n{% endfor %}"
        "{{ strftime_now('%Y') | length }}{{ add_generation_prompt }}{% set ns = namespace(x=1) %}{% set ns.x = 2 %}{{ ns.x }}"
    )
    expected: Any = __import__("transformers").utils.chat_template_utils.render_jinja_template(
        [MESSAGES], chat_template=source, add_generation_prompt=True, bos_token="<s>"
    )

    assert ChatTemplate(source, {"bos_token": "<s>"}).render(MESSAGES) == expected[0][0]


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}",
        "{{ 'x' * 999999999 }}",
        "{{ 9 ** 99999999 }}",
        "{% for a in range(99999) %}{{ messages[0].content * 9999 }}{% endfor %}",
        "{{ range(10 ** 9) | list }}",
    ],
)
def test_a_template_that_would_work_for_ever_is_stopped(source: str) -> None:
    template = ChatTemplate(source, {})

    with pytest.raises(Refusal) as refusal:
        template.render(MESSAGES)

    assert refusal.value.error.status == 400


@pytest.mark.parametrize(
    "source",
    [
        "{{ messages.__class__ }}{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.append(1) }}",
        "{{ raise_exception('no ' + messages[0].content) }}",
        "{{ missing.attribute }}",
    ],
)
def test_a_template_that_breaks_out_or_refuses_is_400_without_the_prompt(source: str) -> None:
    with pytest.raises(Refusal) as refusal:
        ChatTemplate(source, {}).render(MESSAGES)

    assert refusal.value.error.code == "chat_template_refused"
    assert "héllo" not in refusal.value.error.message


def test_a_template_that_does_not_parse_is_a_checkpoint_error() -> None:
    with pytest.raises(CheckpointError, match="chat template"):
        ChatTemplate("{% for %}", {})
