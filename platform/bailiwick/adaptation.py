"""Sets a cascade's threshold from examples that the operator gives: how sure the small model must be to be right often enough."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import msgspec

from bailiwick.models import ModelError
from inference.engine.cascade import confidence
from inference.engine.client import EngineClient, EngineFailure
from inference.engine.deployment import CascadeRule
from inference.engine.protocol import Generate, Generated, Message, Sampling
from inference.engine.thresholds import Adaptation, smallest

if TYPE_CHECKING:
    from bailiwick.operator import Operator

AT_ONCE = 8
"""Examples that the engine has at a time, in the batch lane: callers come first."""
MAX_TOKENS = 1024
WORKSPACE = "operator"
"""Whose turn and whose cache it is; no workspace of a customer has an id like this."""


class Example(msgspec.Struct, forbid_unknown_fields=True):
    """One line of the file: `prompt` as a user's message, or whole `messages`; `expected` is the right answer, and without it the
    large model's word counts."""

    prompt: str | None = None
    messages: list[Message] = []
    expected: str | None = None
    max_tokens: int = MAX_TOKENS


def adapt(operator: Operator, name: str, file: Path, target: float, bar: TextIO) -> Adaptation:
    """Asks both models every example, greedily, and deploys the least threshold at which the small model's answers agree with what
    is expected (but for space around and case) so often that the lower 95 % bound of that share is `target`.

    Raises ModelError, also when no threshold reaches the target; then nothing has changed.
    """
    if not 0.0 < target < 1.0:
        raise ModelError("The target is a share between 0 and 1, such as 0.95.")
    rule = operator.deployment(name).cascade
    if rule is None:
        raise ModelError(f"{name} is not a cascade; make one with: bailiwick models cascade NAME --small A --large B")
    examples = read(file)
    scored = asyncio.run(_try_all(operator.engine, rule, examples, bar))
    found = smallest(scored, target, len(examples))
    if not found.reached:
        raise ModelError(
            f"No threshold reaches {target:.1%} on these {len(examples)} examples (at least 73 that agree are needed for 95 %). "
            "Give more examples, a lower target or a better small model; nothing was changed."
        )
    operator.cascade(name, rule.small, rule.large, min(1.0, found.threshold))
    return found


def read(file: Path) -> list[Example]:
    """The examples of a file, one JSON object a line. Raises ModelError naming the line."""
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise ModelError(f"{file} cannot be read: {error.strerror}.") from error
    examples = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            example = msgspec.json.decode(line, type=Example)
        except msgspec.DecodeError as error:
            raise ModelError(f"{file}, line {number}: {error}.") from error
        if (example.prompt is None) == (not example.messages):
            raise ModelError(f"{file}, line {number}: give either prompt or messages.")
        examples.append(example)
    if not examples:
        raise ModelError(f"{file} holds no example.")
    return examples


async def _try_all(engine: Path, rule: CascadeRule, examples: list[Example], bar: TextIO) -> list[tuple[float, bool]]:
    """Confidence of the small model and whether it was right, for each example that it answered."""
    client = EngineClient(engine)
    gate = asyncio.Semaphore(AT_ONCE)
    done = 0

    async def one(example: Example) -> tuple[float, bool] | None:
        nonlocal done
        async with gate:
            try:
                small = await _ask(client, rule.small, example)
                expected = example.expected
                if expected is None:
                    expected = (await _ask(client, rule.large, example)).choices[0].text
            except EngineFailure as failure:
                if failure.error.status != 400:
                    raise
                return None  # an example that one of the models cannot take says nothing about the threshold
            finally:
                done += 1
                bar.write(f"\r{done} of {len(examples)} examples")
                bar.flush()
        return confidence(small.choices), _plain(small.choices[0].text) == _plain(expected)

    try:
        tried = await asyncio.gather(*(one(example) for example in examples))
    except EngineFailure as failure:
        raise ModelError(f"The engine could not answer an example: {failure.error.message}.") from failure
    finally:
        bar.write("\n")
        await client.close()
    return [result for result in tried if result is not None]


async def _ask(client: EngineClient, model: str, example: Example) -> Generated:
    messages = example.messages or [Message("user", example.prompt or "")]
    request = Generate(
        request="adaptation",
        workspace=WORKSPACE,
        model=model,
        messages=messages,
        sampling=Sampling(max_tokens=example.max_tokens, temperature=0.0, logprobs=0),
        lane="batch",
        cache="request",
    )
    result = await client.call(request)
    if not isinstance(result, Generated):
        raise TypeError("the engine answered something else than text")
    return result


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
