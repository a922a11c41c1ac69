"""What a caller writes is in no log, metric, span, broker message, file name, audit entry or unsealed database page.

Canary strings go through every field of every endpoint of a whole cell, valid and broken requests alike, with payload
storage on; then every sink is searched for their bytes.
"""

from __future__ import annotations

import http.client
import json
import secrets
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

from cell.witness_key import WitnessKey
from tests.e2e.conftest import RunningCell
from tests.e2e.inside import Inside

DATABASE = "the database"


class Canaries:
    """Strings that occur nowhere else, each remembered. `text` is free text, the others are what redaction looks for."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def text(self) -> str:
        self.made.append(f"canary{secrets.token_hex(10)}")
        return self.made[-1]

    def email(self) -> str:
        return f"{self.text()}@example.org"

    def number(self) -> str:
        """A phone number: digits find their way into places where words do not."""
        digits = "".join(secrets.choice("0123456789") for _ in range(8))
        self.made.append(digits)
        return f"+49 170 {digits}"

    def sentence(self) -> str:
        return f"I am {self.text()}, write to {self.email()} or call {self.number()}."


class Caller:
    def __init__(self, cell: RunningCell, key: str) -> None:
        self.address = urlsplit(cell.base_url)
        self.key = key

    def __call__(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.address.hostname or "", self.address.port, timeout=60)
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", **(headers or {})}
        connection.request(method, path, data, sent)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, content


def inference_bodies(cell: RunningCell, canary: Canaries) -> Iterator[tuple[str, Any]]:
    chat, embedding = cell.info["models"]["chat"], cell.info["models"]["embedding"]
    turns = [{"role": "system", "content": canary.sentence()}, {"role": "user", "content": canary.sentence()}]
    good = {"model": chat, "messages": turns, "max_tokens": 4}
    yield "/v1/chat/completions", good
    yield "/v1/chat/completions", {**good, "stream": True, "user": canary.email(), "stop": [canary.text()]}
    yield (
        "/v1/chat/completions",
        {**good, "safety_identifier": canary.email(), "metadata": {canary.text(): canary.text()}},
    )
    yield (
        "/v1/chat/completions",
        {**good, "messages": [{"role": "user", "name": canary.text(), "content": canary.sentence()}]},
    )
    yield from structured_bodies(good, canary)
    yield "/v1/chat/completions", {**good, "model": canary.text()}
    yield "/v1/chat/completions", {**good, "temperature": canary.text()}
    yield "/v1/chat/completions", {**good, canary.text(): canary.text()}
    yield "/v1/chat/completions", {**good, "messages": [{"role": canary.text(), "content": canary.text()}]}
    yield "/v1/chat/completions", {**good, "messages": [{"role": "user", "content": canary.sentence() * 3000}]}
    yield "/v1/chat/completions", canary.sentence().encode()
    yield "/v1/chat/completions", b'{"model": "' + canary.text().encode() + b"\xff"
    yield "/v1/completions", {"model": chat, "prompt": canary.sentence(), "max_tokens": 4, "user": canary.text()}
    yield "/v1/completions", {"model": chat, "prompt": canary.sentence(), "stream": True, "max_tokens": 4}
    yield "/v1/embeddings", {"model": embedding, "input": [canary.sentence(), canary.sentence()], "user": canary.text()}
    yield "/v1/embeddings", {"model": embedding, "input": {canary.text(): 1}}
    yield f"/v1/{canary.text()}", {canary.text(): canary.text()}


def structured_bodies(good: dict[str, Any], canary: Canaries) -> Iterator[tuple[str, Any]]:
    """Tools, their calls and results, and the forms of answers."""
    path = "/v1/chat/completions"
    parameters = {
        "type": "object",
        "description": canary.sentence(),
        "properties": {
            canary.text(): {"type": "string", "title": canary.text(), "examples": [canary.email()]},
            "kind": {"enum": [canary.text(), canary.email()], "default": canary.text()},
            "fixed": {"const": canary.text()},
        },
    }
    function = {"name": canary.text(), "description": canary.sentence(), "parameters": parameters}
    tools = [{"type": "function", "function": function}]
    call = {"name": canary.text(), "arguments": json.dumps({canary.text(): canary.sentence()})}
    history = [
        {"role": "user", "content": canary.sentence()},
        {"role": "assistant", "tool_calls": [{"id": canary.text(), "type": "function", "function": call}]},
        {"role": "tool", "tool_call_id": canary.text(), "content": json.dumps({"found": canary.email()})},
    ]
    form = {"name": canary.text(), "description": canary.text(), "schema": parameters}
    broken = {"type": "object", "properties": {"a": {"type": canary.text(), "not": {"const": canary.text()}}}}
    yield path, {**good, "messages": history, "tools": tools, "max_tokens": 200}
    yield (
        path,
        {**good, "messages": history, "tools": tools, "tool_choice": "required", "stream": True, "max_tokens": 200},
    )
    yield path, {**good, "tools": tools, "tool_choice": {"type": "function", "function": {"name": canary.text()}}}
    yield path, {**good, "tools": [{"type": "function", "function": {"name": canary.sentence()}}]}
    yield path, {**good, "tools": [{"type": canary.text(), "function": function}]}
    yield path, {**good, "response_format": {"type": "json_schema", "json_schema": form}, "max_tokens": 100}
    yield path, {**good, "response_format": {"type": "json_schema", "json_schema": {**form, "schema": broken}}}
    yield path, {**good, "response_format": {"type": canary.text()}}
    yield path, {**good, "structured_outputs": {"choice": [canary.text(), canary.email()]}, "max_tokens": 60}
    yield path, {**good, "structured_outputs": {"regex": f"({canary.text()}|{canary.text()})"}, "max_tokens": 60}
    yield path, {**good, "structured_outputs": {"regex": f"({canary.text()}"}}
    yield path, {**good, "logit_bias": {canary.text(): 1}}


def test_no_sink_holds_what_callers_wrote(cell: RunningCell):
    canary = Canaries()
    caller, admin = Caller(cell, cell.api_key), Caller(cell, cell.admin_key)
    workspace = f"/api/workspaces/{cell.info['workspace']}"
    store_payloads(admin, workspace)

    answered = [caller("POST", path, body, callers_headers(canary))[0] for path, body in inference_bodies(cell, canary)]
    assert answered.count(200) >= 13
    assert all(status < 500 for status in answered)
    for key in (canary.text(), f"sk-eude1-{canary.text()}"):
        assert Caller(cell, key)("GET", "/v1/models")[0] == 401
        assert Caller(cell, key)("GET", workspace)[0] == 401
    chat = {"model": cell.info["models"]["chat"], "messages": [{"role": "user", "content": canary.sentence()}]}
    for header in ("x-bailiwick-lane", "x-bailiwick-deadline-ms"):
        assert caller("POST", "/v1/chat/completions", chat, {header: canary.text()})[0] == 400
    headers = {"X-Forwarded-For": canary.text(), "Idempotency-Key": canary.text(), "Referer": canary.text()}
    admin("GET", f"{workspace}/requests?cursor={canary.text()}&{canary.text()}={quote(canary.email())}", None, headers)
    admin("GET", f"{workspace}/requests/{canary.text()}")
    admin("GET", f"/api/workspaces/{canary.text()}")
    status, found = admin("POST", f"{workspace}/redactions", {"text": canary.sentence(), canary.text(): canary.text()})
    assert status == 200
    assert not [made for made in canary.made if made.encode() in found]
    configured = Canaries()
    configure(admin, workspace, configured)
    destination = {"kind": "splunk-hec", "legal_area": "eu", "url": f"https://siem.invalid/{configured.text()}"}
    schedule = {"destination": destination, "secrets": {"token": canary.text()}}
    assert admin("POST", f"{workspace}/audit/schedules", schedule)[0] == 201
    wrong = {"destination": {**destination, "url": f"https://{canary.text()}@siem.invalid/"}, "secrets": {}}
    assert admin("POST", f"{workspace}/audit/schedules", wrong)[0] == 400
    bucket = {"kind": "s3", "legal_area": "eu", "url": "https://s3.invalid", "bucket": "ours", "region_name": "eu-de"}
    of_all = {
        "destination": {**bucket, "prefix": f"{configured.text()}/"},
        "secrets": {"access_key": canary.text(), "secret_key": canary.text()},
    }
    for place in (f"{workspace}/audit/schedules", "/api/organization/audit/schedules"):
        assert admin("POST", place, of_all)[0] == 201
        assert admin("POST", place, {**of_all, "destination": {**bucket, "prefix": canary.text()}})[0] == 400
    key = str(WitnessKey(configured.text(), bytes(32)))
    witness = {"url": f"https://witness.invalid/{configured.text()}", "vkey": key}
    known_as = {"If-Match": "*"}
    assert admin("PUT", f"{workspace}/audit/witnesses", {"witnesses": [witness]}, known_as)[0] == 200
    for member in (
        {"url": f"https://{canary.text()}@witness.invalid/"},
        {"vkey": canary.text()},
        {"ca": canary.text()},
    ):
        body = {"witnesses": [{**witness, **member}], canary.text(): canary.text()}
        assert admin("PUT", f"{workspace}/audit/witnesses", body, known_as)[0] == 400
    for path in ("keys", "erasures", "audit/exports", "audit/schedules"):
        admin("POST", f"{workspace}/{path}", {canary.text(): canary.text()})
        admin("POST", f"{workspace}/{path}", canary.sentence().encode())
    admin("POST", f"{workspace}/erasures", {"request": canary.text(), "reason": canary.sentence()})
    admin("POST", f"{workspace}/erasures", {"subject": canary.text()})
    admin("POST", f"{workspace}/erasures?dry_run=true", {"subject": canary.text()})
    admin("POST", f"{workspace}/holds", {"subject": canary.text(), "reason": ""})
    serving = {"preset": canary.text(), "lanes": [canary.text()], canary.text(): canary.text()}
    admin("PATCH", f"{workspace}/serving-policy", serving, {"If-Match": canary.text()})
    admin("PATCH", f"{workspace}/serving-policy", serving, {"If-Match": "*"})
    admin("PUT", f"{workspace}/retention-policy", {"payload_days": canary.text()}, {"If-Match": canary.text()})
    caller("POST", "/sign-in", f"email={quote(canary.email())}&password={canary.text()}".encode())
    time.sleep(3)  # the sealer and the jobs have had their turn

    assert len(cell.collector.spans) >= len(answered)
    known = {cell.info["models"]["chat"].encode(): 0, cell.info["workspace"].encode(): 0}
    for name, sink in sinks(cell):
        # What people call things is configuration and stands in its tables; it goes nowhere else.
        searched = canary.made if name.startswith(DATABASE) else canary.made + configured.made
        leaked = [made for made in searched if made.encode() in sink]
        assert not leaked, f"{name} holds {leaked}"
        known = {text: count + (text in sink) for text, count in known.items()}
    # What may be written is found where it is written: the search does look at what there is.
    assert all(count >= 2 for count in known.values()), known


def callers_headers(canary: Canaries) -> dict[str, str]:
    """What tracing libraries and browsers send along."""
    return {
        "User-Agent": canary.text(),
        "traceparent": f"00-{canary.text()}",
        "tracestate": f"vendor={canary.text()}",
        "baggage": f"userId={canary.text()}",
    }


def configure(admin: Caller, workspace: str, canary: Canaries) -> None:
    """Everything that people may name."""
    key = {"name": canary.text(), "scopes": ["inference:chat"]}
    person = {"email": canary.email(), "name": canary.text(), "role": "member"}
    made = [
        admin("POST", "/api/workspaces", {"name": canary.text()}),
        admin("POST", f"{workspace}/keys", key),
        admin("POST", "/api/organization/keys", {**key, "scopes": ["workspaces:read"]}),
        admin("POST", "/api/members", person),
    ]
    assert [status for status, _ in made] == [201, 201, 201, 201], made
    assert admin("POST", "/api/members", person)[0] == 409
    assert admin("PATCH", workspace, {"name": canary.text()}, {"If-Match": "*"})[0] == 200
    assert admin("PATCH", "/api/organization", {"name": canary.text()}, {"If-Match": "*"})[0] == 200


def store_payloads(admin: Caller, workspace: str) -> None:
    address = admin.address
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    connection.request("GET", f"{workspace}/retention-policy", headers={"Authorization": f"Bearer {admin.key}"})
    response = connection.getresponse()
    policy, tag = json.loads(response.read()), response.headers["ETag"]
    status, answer = admin(
        "PUT", f"{workspace}/retention-policy", {**policy, "store_payloads": True}, {"If-Match": tag}
    )
    assert status == 200, answer
    connection.close()


def sinks(cell: RunningCell) -> Iterator[tuple[str, bytes]]:
    """Everything that the cell has written or would tell."""
    inside = Inside(cell.home)
    inside.checkpoint()
    for path in sorted(cell.home.rglob("*")):
        yield "a file name", str(path).encode()
        if path.is_file() and path.name != "cell.json" and inside.postgres.data not in path.parents:
            yield str(path), path.read_bytes()
    for path in inside.postgres_files():
        yield f"{DATABASE} file {path.name}", path.read_bytes()
    yield "Redis", inside.redis_contents()
    yield "the metrics", inside.metrics()
    yield "the spans", b"\n".join(cell.collector.received)
    yield "the audit log", b"\n".join(body for _, body in inside.entries())
