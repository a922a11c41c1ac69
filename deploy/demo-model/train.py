"""Trains the demo model from `templates/` and writes a Hugging Face checkpoint; see README.md.

    OMP_NUM_THREADS=2 nice -n 10 python deploy/demo-model/train.py --out deploy/demo-model/checkpoint

Deterministic by `--seed` on one machine with one number of threads. The checkpoint is written every `--save-every`
steps, so that an interrupted run leaves a usable model.
"""

import argparse
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from corpus import Conversation, Corpus
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM
from vocabulary import (
    ASSISTANT,
    END,
    MAX_POSITIONS,
    PAD,
    SYSTEM,
    USER,
    VOCABULARY_SIZE,
    token_id,
    train_tokenizer,
    write_tokenizer,
)

IGNORED = -100
PLAIN_TEXT_SHARE = 0.03
WARM_UP_STEPS = 60
DECAY_SHARE = 0.7
ROUNDING = 16  # lengths, in tokens
LOGITS_ROUNDING = 256  # positions


@dataclass(frozen=True)
class Sequence:
    """Token ids and, at the same positions, the ids to be learned (IGNORED where the model only reads)."""

    ids: list[int]
    labels: list[int]


@dataclass(frozen=True)
class Batch:
    """Right-padded sequences, both `[batch, length]`, int64; causal attention needs no mask for right padding."""

    ids: Tensor
    labels: Tensor


def model_config(tokenizer: Tokenizer) -> LlamaConfig:
    """Gives the shape of the model: 4.7 million parameters."""
    return LlamaConfig(
        vocab_size=VOCABULARY_SIZE,
        hidden_size=256,
        intermediate_size=688,
        num_hidden_layers=5,
        num_attention_heads=8,
        num_key_value_heads=4,
        max_position_embeddings=MAX_POSITIONS,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=token_id(tokenizer, END),
        pad_token_id=token_id(tokenizer, PAD),
        use_cache=True,
    )


def encode(conversation: Conversation, tokenizer: Tokenizer) -> Sequence:
    """Encodes a conversation as the chat template does; only answers and their end are learned."""
    ids: list[int] = []
    labels: list[int] = []
    start = {"system": SYSTEM, "user": USER, "assistant": ASSISTANT}
    end = token_id(tokenizer, END)
    for message in conversation.messages():
        content = [*tokenizer.encode(message["content"]).ids, end]
        ids += [token_id(tokenizer, start[message["role"]]), *content]
        labels += [IGNORED, *(content if message["role"] == "assistant" else [IGNORED] * len(content))]
    return Sequence(ids[:MAX_POSITIONS], labels[:MAX_POSITIONS])


def encode_plain(text: str, tokenizer: Tokenizer) -> Sequence:
    """Encodes one answer outside any chat, all of it learned but the first token, for `/v1/completions`."""
    ids = [*tokenizer.encode(text).ids, token_id(tokenizer, END)]
    return Sequence(ids, [IGNORED, *ids[1:]])


def sequences(corpus: Corpus, tokenizer: Tokenizer, seed: int) -> Iterator[Sequence]:
    """Gives training sequences without end."""
    draw = random.Random(seed)
    for conversation in corpus.conversations():
        if draw.random() < PLAIN_TEXT_SHARE:
            yield encode_plain(corpus.plain_text(), tokenizer)
        else:
            yield encode(conversation, tokenizer)


def batches(stream: Iterator[Sequence], batch_tokens: int) -> Iterator[Batch]:
    """Puts sequences of like length together, `batch_tokens` with padding.

    Lengths are padded to multiples of ROUNDING and a length always comes in the same number, because oneDNN makes and
    keeps code for each shape it meets: with shapes that seldom return, it grows to gigabytes and is slow.
    """
    waiting: dict[int, list[Sequence]] = {}
    for sequence in stream:
        length = -(-len(sequence.ids) // ROUNDING) * ROUNDING
        group = waiting.setdefault(length, [])
        group.append(sequence)
        if len(group) == max(1, batch_tokens // length):
            yield padded(waiting.pop(length), length)


def padded(group: list[Sequence], length: int) -> Batch:
    """Pads sequences on the right to `length`."""
    ids, labels = (
        torch.tensor([row + [value] * (length - len(row)) for row in rows])
        for rows, value in (([s.ids for s in group], 0), ([s.labels for s in group], IGNORED))
    )
    return Batch(ids, labels)


def answer_loss(model: LlamaForCausalLM, batch: Batch) -> Tensor:
    """Gives the mean cross-entropy per learned token, in nats; logits are computed at those positions alone."""
    hidden = model.model(input_ids=batch.ids, use_cache=False).last_hidden_state[:, :-1].flatten(0, 1)
    labels = batch.labels[:, 1:].flatten()
    learned = (labels != IGNORED).nonzero().squeeze(1)
    filler = learned.new_zeros(-len(learned) % LOGITS_ROUNDING)
    logits = model.lm_head(hidden[torch.cat((learned, filler))])
    labels = nn.functional.pad(labels[learned], (0, len(filler)), value=IGNORED)
    return nn.functional.cross_entropy(logits.float(), labels, ignore_index=IGNORED)


def optimizers(model: LlamaForCausalLM, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for the embedding and the norms."""
    inside = [p for p in model.model.layers.parameters() if p.ndim == 2]
    rest = [p for p in model.parameters() if all(p is not other for other in inside)]
    return [
        torch.optim.Muon(inside, lr=rate, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def rate_at(step: int, steps: int) -> float:
    """Gives the share of the full learning rate: a short warm-up, level, then straight down to nothing."""
    return min(1.0, (step + 1) / WARM_UP_STEPS, (steps - step) / (steps * DECAY_SHARE))


def save(model: LlamaForCausalLM, tokenizer: Tokenizer, folder: Path) -> None:
    """Writes the checkpoint in bfloat16."""
    folder.mkdir(parents=True, exist_ok=True)
    copy = LlamaForCausalLM(model.config).bfloat16()
    copy.load_state_dict(model.state_dict())
    copy.generation_config = GenerationConfig(
        eos_token_id=model.config.eos_token_id,
        pad_token_id=model.config.pad_token_id,
        do_sample=False,
        max_new_tokens=256,
    )
    copy.save_pretrained(folder)
    write_tokenizer(tokenizer, folder)


def train(out: Path, seed: int, steps: int, batch_tokens: int, rate: float, save_every: int) -> None:
    """Trains from nothing and saves to `out`; prints one JSON object each 50 steps."""
    torch.manual_seed(seed)
    tokenizer = train_tokenizer(seed)
    model = LlamaForCausalLM(model_config(tokenizer))
    model.set_attn_implementation("eager")  # at these lengths its backward pass is faster on a CPU than the fused one
    parts = optimizers(model, rate)
    stream = batches(sequences(Corpus(seed), tokenizer, seed), batch_tokens)
    began, tokens, recent = time.monotonic(), 0, 0.0
    for step in range(steps):
        batch = next(stream)
        for part in parts:
            part.param_groups[0]["lr"] = rate * rate_at(step, steps)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = answer_loss(model, batch)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for part in parts:
            part.step()
            part.zero_grad()
        tokens += batch.ids.numel()
        recent += loss.item()
        if (step + 1) % 50 == 0:
            seconds = round(time.monotonic() - began, 1)
            print(json.dumps({"step": step + 1, "loss": recent / 50, "tokens": tokens, "seconds": seconds}), flush=True)
            recent = 0.0
        if (step + 1) % save_every == 0 or step + 1 == steps:
            save(model, tokenizer, out)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--batch-tokens", type=int, default=2048, help="tokens in a step, padding included")
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--save-every", type=int, default=200)
    train(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
