"""The tokenizer of the demo model: byte-level BPE in which a placeholder is three tokens, `[[EMAIL_`, `1`, `]]`."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

from corpus import PLACEHOLDER, PLACEHOLDER_TYPES, Corpus
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

VOCABULARY_SIZE = 4096
PAD, END, SYSTEM, USER, ASSISTANT = SPECIAL_TOKENS = ("<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
# A role the model was not trained with reads as the nearest one.
CHAT_TEMPLATE = (
    "{% set roles = {'system': 'system', 'developer': 'system', 'assistant': 'assistant'} %}"
    "{% for message in messages %}"
    "<|{{ roles.get(message['role'], 'user') }}|>{{ message['content'] or '' }}<|end|>"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
TEXTS_TO_TRAIN_ON = 40_000
MAX_POSITIONS = 1024


def train_tokenizer(seed: int) -> Tokenizer:
    """Trains the tokenizer on conversations of the corpus; the same seed gives the same vocabulary."""
    tokenizer = Tokenizer(models.BPE())
    # Digits stand alone, so that a number never seen is copied digit by digit like any other.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    placeholder_parts = ["]]", *(f"[[{kind}_" for kind in PLACEHOLDER_TYPES)]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE - len(placeholder_parts),
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(seed), trainer)
    tokenizer.add_tokens([AddedToken(part, normalized=False) for part in placeholder_parts])
    return tokenizer


def _texts(seed: int) -> Iterator[str]:
    for conversation in itertools.islice(Corpus(seed).conversations(), TEXTS_TO_TRAIN_ON):
        for message in conversation.messages():
            yield PLACEHOLDER.sub("", message["content"])  # placeholders have tokens of their own


def token_id(tokenizer: Tokenizer, token: str) -> int:
    """Gives the id of a token.

    Raises:
        ValueError: the vocabulary does not hold it.
    """
    found = tokenizer.token_to_id(token)
    if found is None:
        raise ValueError(f"the vocabulary lacks the token {token!r}; train the tokenizer again")
    return int(found)


def write_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Writes tokenizer.json, tokenizer_config.json and special_tokens_map.json into a checkpoint folder."""
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": MAX_POSITIONS,
        "clean_up_tokenization_spaces": False,
        "add_bos_token": False,
        "eos_token": END,
        "pad_token": PAD,
        "chat_template": CHAT_TEMPLATE,
    }
    special = {"eos_token": END, "pad_token": PAD}
    for name, content in (("tokenizer_config.json", config), ("special_tokens_map.json", special)):
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
