"""The redactor alone in a process: ``python -m bench.peers.redactor_ours``. A line of JSON in, a line out, see `redactors`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from time import process_time
from typing import Any

from inference.redaction import CompiledPolicy, Policy, Redactor

LOADS = 200
"""How often each policy is loaded."""


def timed(redactor: Redactor, texts: list[str], seconds: float) -> list[float]:
    """Seconds for each text, in turn, until the time is over."""
    spent = []
    stop = process_time() + seconds
    for text in texts:
        start = process_time()
        redactor.find(text)
        end = process_time()
        spent.append(end - start)
        if end > stop:
            break
    return spent


def requests(redactor: Redactor, bodies: list[dict[str, Any]]) -> list[float]:
    """Seconds for each chat body: its texts collected, redacted and put back."""
    spent = []
    for body in bodies:
        start = process_time()
        parts = list(_contents(body))
        redacted, _ = redactor.redact_texts([part["content"] if "content" in part else part["text"] for part in parts])
        for part, text in zip(parts, redacted, strict=True):
            part["content" if "content" in part else "text"] = text
        spent.append(process_time() - start)
    return spent


def _contents(body: dict[str, Any]) -> Any:
    for message in body["messages"]:
        if isinstance(message["content"], str):
            yield message
        else:
            yield from (part for part in message["content"] if part["type"] == "text")


def restoring(redactor: Redactor, texts: list[str]) -> list[float]:
    """Seconds a token of restoring each text's redacted form, streamed in pieces of about four characters as models do."""
    spent = []
    for text in texts:
        redacted, placeholders = redactor.redact(text)
        tokens = re.findall(r"\s?\w{1,5}|\W", redacted)
        stream = placeholders.stream()
        feed = stream.feed
        start = process_time()
        pieces = [feed(token) for token in tokens]
        pieces.append(stream.finish())
        spent.append((process_time() - start) / len(tokens))
        # Masked values stay; everything else must have come back.
        if placeholders.restore(redacted) != "".join(pieces):
            raise RuntimeError("a stream was restored otherwise than the same text in one piece")
    return spent


def loading(documents: list[dict[str, Any]]) -> list[list[float]]:
    """Seconds of each time that a saved policy is loaded, by policy."""
    spent = []
    for document in documents:
        kept = CompiledPolicy.compile(Policy.from_json(document)).dump()
        CompiledPolicy.load(kept)
        times = []
        for _ in range(LOADS):
            start = process_time()
            CompiledPolicy.load(kept)
            times.append(process_time() - start)
        spent.append(times)
    return spent


def memory() -> dict[str, float]:
    """Resident memory of this process in MB, and its peak."""
    status = Path("/proc/self/status").read_text()
    rows = dict(re.findall(r"(VmRSS|VmHWM):\s+(\d+) kB", status))
    return {"resident": int(rows["VmRSS"]) / 1024, "peak": int(rows["VmHWM"]) / 1024}


def answer(redactor: Redactor, order: dict[str, Any]) -> Any:
    match order["task"]:
        case "spans":
            found = (redactor.find(text) for text in order["texts"])
            return [[(f.start, f.end, f.type, f.score) for f in findings] for findings in found]
        case "time":
            return timed(redactor, order["texts"], order["seconds"])
        case "requests":
            return requests(redactor, order["texts"])
        case "restoring":
            return restoring(redactor, order["texts"])
        case "loading":
            return loading(order["texts"])
        case "memory":
            return memory()
    raise ValueError(f"no such task: {order['task']}")


def main() -> None:
    redactor = Redactor()
    redactor.prepare()
    for line in sys.stdin:
        print(json.dumps(answer(redactor, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
