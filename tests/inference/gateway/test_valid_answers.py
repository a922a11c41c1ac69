"""The `openai` SDK against a real gateway and a real engine with random weights: every answer has the form that was
asked for.

A model of random weights writes anything: what is valid of it is the engine's doing. A bias towards the quotation mark
makes most of its strings short, for the sake of the test's time; one in four rambles on until its budget is spent. One
answer in ten is streamed.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import openai
import pytest

from tests.factories import Organization, make_key, make_workspace
from tests.inference.engine import checkpoints
from tests.inference.engine.conftest import EngineProcess
from tests.inference.gateway.serving import serving
from workspaces.services import serving_update

ANSWERS = 1000
AT_ONCE = 32
MODEL = "random"
TEMPLATE = (
    "{% if tools %}{% for tool in tools %}{{ tool.function | tojson }}{% endfor %}<tool_call>{% endif %}"
    "{% for message in messages %}[{{ message.role }}] {{ message.content }}{% endfor %}[assistant]"
)
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "tags": {"type": "array", "items": {"anyOf": [{"enum": ["a", "b"]}, {"$ref": "#"}]}},
    },
    "required": ["name"],
    "additionalProperties": False,
}
QUOTE = "3"
"""The id of the quotation mark in the random checkpoints' vocabulary."""
TOOL: dict[str, Any] = {"type": "function", "function": {"name": "find", "parameters": SCHEMA}}


@pytest.fixture(scope="module")
def gateway() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="engine-") as folder:
        models = Path(folder) / "models"
        checkpoint = checkpoints.save_decoder(models / MODEL, "llama-tied")
        settings = json.loads((checkpoint / "tokenizer_config.json").read_text())
        (checkpoint / "tokenizer_config.json").write_text(json.dumps({**settings, "chat_template": TEMPLATE}))
        config = json.loads((checkpoint / "config.json").read_text())
        (checkpoint / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 1024}))
        engine = EngineProcess(Path(folder), models, "--max-running", str(AT_ONCE))
        engine.wait_for("engine.ready")
        with serving(engine_at=engine.socket) as served:
            yield served.url
        assert engine.stop() == 0


@pytest.fixture(scope="module")
def key(organization: Organization, django_db_blocker: Any) -> str:
    with django_db_blocker.unblock():
        workspace = make_workspace(organization)
        serving_update(
            actor=organization.owner,
            workspace=workspace,
            changes={"requests_per_minute": 60_000, "tokens_per_minute": 60_000_000, "concurrency": 2 * AT_ONCE},
        )
        return make_key(organization, workspace).token


async def ask(client: openai.AsyncOpenAI, number: int) -> tuple[str, str]:
    """What one answer says, and how it ended."""
    request: dict[str, Any] = {
        "model": MODEL,
        "messages": [{"role": "user", "content": f"Who is {number}?"}],
        "seed": number,
        "max_tokens": 100 if number % 2 else 40,
        "temperature": 1.0,
        "logit_bias": {QUOTE: 6.0} if number % 8 < 6 else {},
    }
    if number % 2:
        request |= {"tools": [TOOL], "tool_choice": "required", "parallel_tool_calls": False}
    else:
        form = {"name": "person", "schema": SCHEMA}
        request["response_format"] = {"type": "json_schema", "json_schema": form}
    if number % 20 >= 2:
        choice = (await client.chat.completions.create(**request)).choices[0]
        calls = choice.message.tool_calls
        return calls[0].function.arguments if calls else choice.message.content or "", choice.finish_reason
    pieces, reason = [], ""
    async for chunk in await client.chat.completions.create(**request, stream=True):
        choice = chunk.choices[0]
        pieces += [call.function.arguments for call in choice.delta.tool_calls or ()]
        pieces.append(choice.delta.content or "")
        reason = choice.finish_reason or reason
    return "".join(pieces), reason


@pytest.mark.timeout(300)
def test_a_thousand_of_a_thousand_answers_are_valid(gateway: str, key: str) -> None:
    async def run() -> list[tuple[str, str]]:
        free = asyncio.Semaphore(AT_ONCE)
        async with openai.AsyncOpenAI(base_url=f"{gateway}/v1", api_key=key, max_retries=0) as client:

            async def one(number: int) -> tuple[str, str]:
                async with free:
                    return await ask(client, number)

            return list(await asyncio.gather(*map(one, range(ANSWERS))))

    said = asyncio.run(run())

    valid = 0
    for number, (text, reason) in enumerate(said):
        jsonschema.validate(json.loads(text), SCHEMA)
        assert reason == ("tool_calls" if number % 2 else "stop")
        valid += 1
    assert valid == ANSWERS
    assert len({text for text, _ in said}) > ANSWERS // 2
