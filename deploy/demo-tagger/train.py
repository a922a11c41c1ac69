"""Trains the demo tagger from `templates/` and writes a Hugging Face checkpoint; see README.md.

    OMP_NUM_THREADS=1 nice -n 10 python deploy/demo-tagger/train.py --out deploy/demo-tagger/checkpoint

Deterministic by `--seed` on one machine with one number of threads.
"""

import argparse
import json
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
from sentences import LABELS, Sentence, Sentences
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch import Tensor, nn
from transformers import BertConfig, BertForTokenClassification

VOCABULARY_SIZE = 3072
MAX_POSITIONS = 64
SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
IGNORED = -100
WARM_UP_SHARE = 0.05
ROUNDING = 16  # lengths, in tokens


def train_tokenizer(sentences: list[str]) -> Tokenizer:
    """A cased WordPiece that splits at spaces and punctuation, as BERT's."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=False
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(
        vocab_size=VOCABULARY_SIZE, special_tokens=list(SPECIALS), min_frequency=2, show_progress=False
    )
    tokenizer.train_from_iterator(sentences, trainer)
    cls, sep = (tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", cls), ("[SEP]", sep)]
    )
    return tokenizer


def labels_of(sentence: Sentence, offsets: list[tuple[int, int]]) -> list[int]:
    """The label of each token by the span that it lies in; IGNORED for special tokens."""
    labels = [LABELS.index("O") if end > start else IGNORED for start, end in offsets]
    for begin, end, label in sentence.spans:
        inside = [place for place, (start, stop) in enumerate(offsets) if start < stop and begin <= start < end]
        for number, place in enumerate(inside):
            first, last = number == 0, number == len(inside) - 1
            prefix = "S" if first and last else "B" if first else "E" if last else "I"
            labels[place] = LABELS.index(f"{prefix}-{label}")
    return labels


def batches(sentences: Iterator[Sentence], tokenizer: Tokenizer, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Ids and labels [size, tokens], right-padded, of sentences of like length."""
    waiting: dict[int, list[tuple[list[int], list[int]]]] = {}
    for sentence in sentences:
        encoding = tokenizer.encode(sentence.text)
        ids, labels = encoding.ids[:MAX_POSITIONS], labels_of(sentence, encoding.offsets)[:MAX_POSITIONS]
        length = -(-len(ids) // ROUNDING) * ROUNDING
        group = waiting.setdefault(length, [])
        group.append((ids, labels))
        if len(group) == size:
            del waiting[length]
            yield (
                torch.tensor([ids + [0] * (length - len(ids)) for ids, _ in group]),
                torch.tensor([labels + [IGNORED] * (length - len(labels)) for _, labels in group]),
            )


def model_config() -> BertConfig:
    """0.7 million parameters."""
    return BertConfig(
        vocab_size=VOCABULARY_SIZE,
        hidden_size=128,
        intermediate_size=320,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=MAX_POSITIONS,
        pad_token_id=0,
        type_vocab_size=1,
        id2label=dict(enumerate(LABELS)),
        label2id={label: number for number, label in enumerate(LABELS)},
    )


def save(model: BertForTokenClassification, tokenizer: Tokenizer, folder: Path) -> None:
    """Writes the checkpoint with weights in float16."""
    folder.mkdir(parents=True, exist_ok=True)
    copy = BertForTokenClassification(model.config).half()
    copy.load_state_dict(model.state_dict())
    copy.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": MAX_POSITIONS}
    specials = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token"), SPECIALS, strict=True))
    (folder / "tokenizer_config.json").write_text(json.dumps(config | specials, indent=2) + "\n")


def train(out: Path, seed: int, steps: int, size: int, rate: float) -> None:
    """Trains from nothing and saves to `out`; prints one JSON object each 50 steps."""
    torch.manual_seed(seed)
    tokenizer = train_tokenizer([sentence.text for sentence in islice(Sentences(seed).draw(), 20_000)])
    model = BertForTokenClassification(model_config())
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    warm = max(1, round(steps * WARM_UP_SHARE))
    stream = batches(Sentences(seed + 1).draw(), tokenizer, size)
    began, recent = time.monotonic(), 0.0
    model.train()
    for step in range(steps):
        ids, labels = next(stream)
        for group in optimizer.param_groups:
            group["lr"] = rate * min((step + 1) / warm, (steps - step) / (steps - warm))
        logits = model(input_ids=ids, attention_mask=(ids != 0).long()).logits
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        recent += loss.item()
        if (step + 1) % 50 == 0:
            seconds = round(time.monotonic() - began, 1)
            print(json.dumps({"step": step + 1, "loss": round(recent / 50, 4), "seconds": seconds}), flush=True)
            recent = 0.0
    save(model, tokenizer, out)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--steps", type=int, default=1250)
    parser.add_argument("--size", type=int, default=48, help="sentences in a step")
    parser.add_argument("--rate", type=float, default=2e-3)
    train(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
