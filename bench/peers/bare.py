"""The least that a proxy in Python can do: body in, engine, body out. No key is checked, nothing is recorded or redacted."""

from __future__ import annotations

import os

import msgspec

from inference.engine.client import EngineClient
from inference.engine.protocol import Generate, Generated, Message

_decode = msgspec.json.Decoder(dict[str, object]).decode
_encode = msgspec.json.Encoder().encode
_engine = EngineClient(os.environ["BENCH_ENGINE_SOCKET"])


async def application(scope, receive, send):  # type: ignore[no-untyped-def]  # bare ASGI, as bare as it gets
    if scope["type"] == "lifespan":
        return
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    request = _decode(body)
    messages = [Message(item["role"], item["content"]) for item in request["messages"]]  # type: ignore[attr-defined]
    operation = Generate(request="", workspace="", model=str(request["model"]), messages=messages)
    if request.get("stream"):
        await _stream(operation, send)
        return
    result = await _engine.call(operation)
    if not isinstance(result, Generated):
        raise TypeError("the echo answered something else")
    content = {"role": "assistant", "content": result.choices[0].text}
    answer = _encode(
        {"object": "chat.completion", "choices": [{"index": 0, "message": content, "finish_reason": "stop"}]}
    )
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


async def _stream(operation: Generate, send) -> None:  # type: ignore[no-untyped-def]  # as above
    operation.stream = True
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    async with _engine.stream(operation) as stream:
        async for deltas in stream:
            for delta in deltas:
                event = b'data: {"choices":[{"index":0,"delta":{"content":%b}}]}\n\n' % _encode(delta.text)
                await send({"type": "http.response.body", "body": event, "more_body": True})
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})
