"""Evaluates a checkpoint of the demo model on held-out slot values; prints one JSON object.

python deploy/demo-model/evaluate.py deploy/demo-model/checkpoint
"""

import argparse
import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from corpus import PLACEHOLDER, Conversation, Corpus, Exchange
from tokenizers import Tokenizer
from train import IGNORED, answer_loss, encode, padded
from transformers import AutoModelForCausalLM, LlamaForCausalLM, PreTrainedTokenizerFast

SEED = 1_000_003  # far from the training seed, although held-out values are kept apart by value and not by seed
QUESTIONS_AT_ONCE = 64
CARRYING_TOPICS = ("placeholders", "carried", "copying", "german", "french")
QUESTIONS_OF_A_VISITOR = (
    "Hello!",
    "What is Bailiwick?",
    "What is a cell?",
    "What is the right to be forgotten?",
    "What does Article 33 say?",
    "Please confirm to [[EMAIL_1]] that the transfer to [[IBAN_1]] went out.",
    "My e-mail is [[EMAIL_1]] and my IBAN is [[IBAN_1]]. Please repeat them.",
    "Write a reply to [[EMAIL_1]] about the refund to [[IBAN_1]], and call [[PHONE_1]] if it is late.",
    "The server at [[IP_2]] is down, who can fix it before lunch?",
    "Bitte schreibe an [[EMAIL_1]], dass die Rechnung bezahlt ist.",
    "What is the capital of France?",
    "Write a Python function that sorts a list.",
)


def answers(model: Any, tokenizer: PreTrainedTokenizerFast, questions: Sequence[str]) -> Iterator[str]:
    """Answers each question alone, greedily; the text ends with the end token where the model gave it.

    Args:
        model: a causal language model (transformers types `generate` by a private protocol alone).
        tokenizer: the tokenizer of its checkpoint, with the chat template.
        questions: one user message each.
    """
    tokenizer.padding_side = "left"
    for start in range(0, len(questions), QUESTIONS_AT_ONCE):
        prompts = [
            tokenizer.apply_chat_template(
                [{"role": "user", "content": question}], tokenize=False, add_generation_prompt=True
            )
            for question in questions[start : start + QUESTIONS_AT_ONCE]
        ]
        inputs = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
        output = model.generate(inputs["input_ids"], attention_mask=inputs["attention_mask"], max_new_tokens=128)
        for ids in output[:, inputs["input_ids"].shape[1] :]:
            yield str(tokenizer.decode(ids)).replace(str(tokenizer.pad_token), "")


def held_out_loss(model: LlamaForCausalLM, tokenizer: Tokenizer, count: int) -> float:
    """Gives the mean cross-entropy per answer token, in nats, over exchanges with a held-out slot value."""
    total, tokens = 0.0, 0
    for exchange in itertools.islice(Corpus(SEED).held_out(), count):
        sequence = encode(Conversation(None, (exchange,)), tokenizer)
        learned = sum(label != IGNORED for label in sequence.labels[1:])
        total += answer_loss(model, padded([sequence], len(sequence.ids))).item() * learned
        tokens += learned
    return total / tokens


def scores(exchanges: Sequence[Exchange], given: Sequence[str], end: str) -> dict[str, float]:
    """Gives shares of answers: equal to the reference, with its placeholders in its order, and ended."""
    pairs = list(zip(exchanges, given, strict=True))
    carried = [PLACEHOLDER.findall(answer) == PLACEHOLDER.findall(exchange.answer) for exchange, answer in pairs]
    return {
        "count": len(pairs),
        "placeholders": sum(carried) / len(pairs),
        "exact": sum(answer == exchange.answer + end for exchange, answer in pairs) / len(pairs),
        "ended": sum(answer.endswith(end) for answer in given) / len(pairs),
    }


def evaluate(checkpoint: Path, count: int) -> dict[str, object]:
    """Evaluates `count` held-out questions that carry placeholders, and a quarter as many of each other topic."""
    torch.manual_seed(SEED)
    model = AutoModelForCausalLM.from_pretrained(checkpoint).eval()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(checkpoint)
    end = str(tokenizer.eos_token)

    def score(exchanges: Sequence[Exchange]) -> dict[str, float]:
        return scores(exchanges, list(answers(model, tokenizer, [e.question for e in exchanges])), end)

    corpus = Corpus(SEED)
    carrying = (e for topic in itertools.cycle(CARRYING_TOPICS) for e in itertools.islice(corpus.held_out(topic), 1))
    recited = (c.exchanges[-1] for c in corpus.conversations() if len(c.exchanges) == 1)
    with torch.inference_mode():
        return {
            "loss": held_out_loss(model, Tokenizer.from_file(str(checkpoint / "tokenizer.json")), count),
            "held_out": score(list(itertools.islice((e for e in carrying if PLACEHOLDER.search(e.answer)), count))),
            "held_out_without_placeholders": score(list(itertools.islice(corpus.held_out("smalltalk"), count // 4))),
            "unseen_phrasings": score([e for _ in range(count // 40) for e in corpus.unseen_phrasings()]),
            "recited": score(list(itertools.islice(recited, count // 2))),
            "visitor": dict(
                zip(QUESTIONS_OF_A_VISITOR, answers(model, tokenizer, QUESTIONS_OF_A_VISITOR), strict=True)
            ),
        }


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--count", type=int, default=400)
    arguments = parser.parse_args()
    print(json.dumps(evaluate(arguments.checkpoint, arguments.count), indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
