"""Whether what a candidate's steps draw is drawn as their logits say, and whether an answer that has to have a form has it."""

from __future__ import annotations

import json
from collections.abc import Sequence

import torch

from compiler.validate.statistics import chi_square
from inference.engine.checkpoint import Checkpoint
from inference.engine.errors import CheckpointError
from inference.engine.grammar import Grammars
from inference.engine.judging import Judged
from inference.engine.probe import Probe
from inference.engine.protocol import Generate, Grammar
from inference.engine.rig import Rig
from inference.engine.sampler import Draw, sample
from inference.engine.vocabulary import Vocabulary

_DRAWS = 256
"""After each prompt, of each kind."""
_LIKELIEST = 4
_LEAST_P = 1e-6
"""A draw that is less likely than this, among all, is not from the distribution that was meant."""
_SCHEMA = {
    "type": "object",
    "properties": {"is": {"type": "boolean"}, "of": {"enum": ["one", "two"]}},
    "required": ["is", "of"],
    "additionalProperties": False,
}
_ROOM = 48


def judge_draws(judged: Judged, rig: Rig, given: Sequence[list[int]], at_once: int) -> None:
    """By the least likely draws after the prompts `given`, times how many there were: made as requests' are, `at_once` in a step,
    and held against the logits of the same steps."""
    likelihood = judged.said["chi_square"] = _likelihood(rig, given, at_once)
    if likelihood < _LEAST_P:
        judged.reasons.append(f"what is drawn in it is not drawn as its logits say (chi-square: {likelihood:.2g})")


def judge_form(judged: Judged, rig: Rig, checkpoint: Checkpoint) -> None:
    """By an answer under a schema. Of a checkpoint whose tokenizer no grammar can be had for nothing is asked."""
    try:
        vocabulary = Vocabulary(rig.tokenizer.source(), checkpoint.config.vocab_size, checkpoint.stop_ids)
    except CheckpointError:
        return
    valid = _is_valid(_formed(rig, vocabulary))
    judged.said["structured"] = float(valid)
    if not valid:
        judged.reasons.append("an answer that had to be of a schema is not")


def _likelihood(rig: Rig, given: Sequence[list[int]], at_once: int) -> float:
    uniform = torch.rand(_DRAWS, generator=torch.Generator().manual_seed(1), dtype=torch.float64).tolist()
    probes = rig.probes(given, 1)
    rig.fill(probes)
    least = 1.0
    kinds = 0, _LIKELIEST
    for probe in probes:
        for top_k in kinds:
            draws = [Draw(1.0, top_k, 1.0, each, None) for each in uniform]
            logits, tokens = _drawn(rig, probe, draws, at_once)
            if top_k:
                kept = logits.topk(top_k).indices
                logits = torch.full_like(logits, -torch.inf).index_put((kept,), logits[kept])
            seen = torch.bincount(torch.tensor(tokens), minlength=len(logits))
            least = min(least, chi_square(seen, logits.double().softmax(-1)))
    rig.give_back(probes)
    return min(1.0, least * len(kinds) * len(probes))


def _drawn(rig: Rig, probe: Probe, draws: Sequence[Draw], at_once: int) -> tuple[torch.Tensor, list[int]]:
    """The row of logits [vocabulary] after a probe's last token, and tokens drawn from it."""
    tokens: list[int] = []
    for at in range(0, len(draws), at_once):
        some = list(draws[at : at + at_once])
        logits, drawn = rig.runner.draw([probe.last()] * len(some), some)
        if any(each is None for each in drawn):
            drawn = list(sample(logits, some))
        row = logits[0].to("cpu", torch.float32, copy=True)
        tokens += [each.token or 0 for each in drawn if each is not None]
    return row, tokens


def _formed(rig: Rig, vocabulary: Vocabulary) -> str:
    """An answer under the schema."""
    wire = Generate("", "", "", prompt=[0], grammar=Grammar("json_schema", json.dumps(_SCHEMA)), cache="request")
    grammar = Grammars(vocabulary).of(wire)
    if grammar is None:
        raise RuntimeError("a schema is a grammar")
    room = max(_ROOM, grammar.least_tokens)
    matcher = grammar.matcher(room)
    uniform = torch.Generator().manual_seed(2)
    [probe] = rig.probes([[0]], room)
    tokens: list[int] = []
    while not matcher.ended:
        drawn = float(torch.rand((), generator=uniform, dtype=torch.float64))
        [found] = sample(rig.step([probe]), [Draw(1.0, 0, 1.0, drawn, None, constraint=matcher)])
        if found.token is None:
            break
        tokens.append(found.token)
        probe.tokens.append(found.token)
    rig.give_back([probe])
    return rig.tokenizer.decode([token for token in tokens if token not in vocabulary.ends])


def _is_valid(text: str) -> bool:
    try:
        answer = json.loads(text)
    except ValueError:
        return False
    return isinstance(answer, dict) and answer.keys() == {"is", "of"} and answer["of"] in ("one", "two")
