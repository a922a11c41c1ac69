"""What is refused, how, and that the SDK's own exception classes come of it."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

import httpx
import openai
import pytest

from cell.access import Scope
from tests.factories import Organization, make_key, make_workspace
from tests.inference.gateway.log import Log
from tests.inference.gateway.scripted import CHAT, EMBEDDING
from tests.inference.gateway.serving import Served
from workspaces.services import key_revoke, serving_update, workspace_update
from workspaces.tokens import Token, issue, parse

MESSAGES = [{"role": "user", "content": "Hello"}]


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("chat/completions", {"messages": MESSAGES}, "model"),
        ("chat/completions", {"model": CHAT}, "messages"),
        ("chat/completions", {"model": CHAT, "messages": []}, "messages"),
        ("chat/completions", {"model": CHAT, "messages": [{"role": "king", "content": "x"}]}, "messages[0].role"),
        ("chat/completions", {"model": CHAT, "messages": [{"role": "user"}]}, "messages[0].content"),
        ("chat/completions", {"model": CHAT, "messages": MESSAGES, "temperature": "hot"}, "temperature"),
        ("chat/completions", {"model": CHAT, "messages": MESSAGES, "temperature": 3}, "temperature"),
        ("chat/completions", {"model": CHAT, "messages": MESSAGES, "n": 0}, "n"),
        ("chat/completions", {"model": CHAT, "messages": MESSAGES, "top_logprobs": 2}, "top_logprobs"),
        ("chat/completions", {"model": CHAT, "messages": MESSAGES, "tools": [{"type": "function"}]}, "tools[0].function"),
        ("chat/completions", {"model": CHAT, "messages": MESSAGES, "presence_penalty": 3}, "presence_penalty"),
        ("chat/completions", {"model": CHAT, "messages": MESSAGES, "response_format": {"type": "yaml"}}, "response_format.type"),
        ("chat/completions", {"model": CHAT, "messages": MESSAGES, "stop": ["a"] * 5}, "stop"),
        ("chat/completions", {"model": CHAT, "messages": MESSAGES, "stream_options": {}}, "stream_options"),
        ("chat/completions", {"model": EMBEDDING, "messages": MESSAGES}, "model"),
        ("completions", {"model": CHAT, "prompt": ["a", 1]}, "prompt"),
        ("completions", {"model": CHAT, "prompt": []}, "prompt"),
        ("completions", {"model": CHAT, "prompt": [1, 2]}, "prompt"),
        ("completions", {"model": CHAT, "prompt": "a", "suffix": "b"}, "suffix"),
        ("embeddings", {"model": EMBEDDING, "input": ""}, "input"),
        ("embeddings", {"model": EMBEDDING, "input": "a", "encoding_format": "hex"}, "encoding_format"),
        ("embeddings", {"model": CHAT, "input": "a"}, "model"),
    ],
)  # fmt: skip
def test_bad_requests_name_the_parameter(client: httpx.Client, path: str, body: dict[str, Any], param: str) -> None:
    response = client.post(f"/v1/{path}", json=body)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["param"] == param
    assert error["type"] == "invalid_request_error"
    assert response.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"model": "\xff"}', b'{"a":' + b"[" * 50_000])
def test_what_is_not_json_is_refused(client: httpx.Client, body: bytes) -> None:
    response = client.post("/v1/chat/completions", content=body)
    assert response.status_code == 400
    assert response.json()["error"]["message"]


def test_harmless_hints_are_ignored(client: httpx.Client) -> None:
    hints = {
        "metadata": {"a": "b"},
        "store": False,
        "service_tier": "auto",
        "made_up": 1,
        "response_format": {"type": "text"},
    }
    assert client.post("/v1/chat/completions", json={"model": CHAT, "messages": MESSAGES, **hints}).status_code == 200


def test_unknown_models_and_paths(client: httpx.Client) -> None:
    missing = client.post("/v1/chat/completions", json={"model": "none", "messages": MESSAGES})
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")
    assert client.get("/v1/elsewhere").status_code == 404
    wrong = client.get("/v1/chat/completions")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")


def test_errors_are_the_sdks_own(served: Served, organization: Organization) -> None:
    sdk = openai.OpenAI(base_url=f"{served.url}/v1", api_key=organization.api_key, max_retries=0)
    with pytest.raises(openai.NotFoundError):
        sdk.chat.completions.create(model="none", messages=MESSAGES)  # type: ignore[arg-type]  # it is what callers write
    with pytest.raises(openai.BadRequestError):
        sdk.chat.completions.create(model=CHAT, messages=[])
    with pytest.raises(openai.AuthenticationError):
        sdk.with_options(api_key="sk-wrong").models.list()
    with pytest.raises(openai.InternalServerError):
        sdk.completions.create(model=CHAT, prompt="!refuse 503")
    with pytest.raises(openai.RateLimitError):
        sdk.completions.create(model=CHAT, prompt="!refuse 429")


@pytest.mark.parametrize("authorization", [None, "Basic abc", "Bearer", "Bearer sk-wrong", "Bearer sk-eude1-0-0"])
def test_no_usable_key_is_401(served: Served, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    response = httpx.post(f"{served.url}/v1/chat/completions", headers=headers, json={})
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "invalid_api_key"


def test_a_key_with_a_wrong_secret_is_unknown(served: Served, organization: Organization) -> None:
    token = str(Token("eude1", parse(organization.api_key).key_id, issue("eude1").secret))
    for _ in range(2):
        assert _models(served, token).status_code == 401


def test_a_key_of_another_cell_is_told_where_to_go(served: Served) -> None:
    response = _models(served, str(issue("usea1")))
    assert response.status_code == 421
    assert "https://api.us-east.example" in response.json()["error"]["message"]


def test_a_management_key_does_no_inference(served: Served, organization: Organization) -> None:
    assert _models(served, organization.admin_key).status_code == 403


def test_scopes_and_networks_hold(served: Served, organization: Organization, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        reader = make_key(organization, organization.workspace, scopes={Scope.MODELS_READ}).token
        elsewhere = make_key(organization, organization.workspace, cidrs=["203.0.113.0/24"]).token
    assert _models(served, reader).status_code == 200
    refused = _embed(served, reader)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "missing_scope")
    assert _models(served, elsewhere).json()["error"]["code"] == "address_not_allowed"


def test_a_revoked_key_stops_within_a_second(
    served: Served, organization: Organization, django_db_blocker: Any
) -> None:
    with django_db_blocker.unblock():
        key = make_key(organization, organization.workspace)
    assert _embed(served, key.token).status_code == 200
    with django_db_blocker.unblock():
        key_revoke(
            actor=organization.owner, organization=organization.id, workspace=organization.workspace, key=key.key.id
        )
    assert _until(lambda: _embed(served, key.token).status_code, 401, within_s=1)


def test_limits_are_429_with_retry_after(served: Served, organization: Organization, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        workspace = make_workspace(organization)
        key = make_key(organization, workspace).token
        serving_update(actor=organization.owner, workspace=workspace, changes={"requests_per_minute": 12})
    statuses = [_embed(served, key) for _ in range(3)]
    assert [response.status_code for response in statuses] == [200, 200, 429]
    assert int(statuses[-1].headers["retry-after"]) >= 1
    assert statuses[-1].json()["error"]["type"] == "rate_limit_error"


def test_a_suspended_workspace_is_refused_at_once(
    served: Served, organization: Organization, django_db_blocker: Any
) -> None:
    with django_db_blocker.unblock():
        workspace = make_workspace(organization)
        key = make_key(organization, workspace).token
    assert _embed(served, key).status_code == 200
    with django_db_blocker.unblock():
        workspace_update(actor=organization.owner, workspace=workspace, changes={"state": "suspended"})
    assert _until(lambda: _embed(served, key).status_code, 403, within_s=1)


def test_a_long_body_is_refused_unread(served: Served, organization: Organization) -> None:
    host, port = served.url.removeprefix("http://").split(":")
    head = f"POST /v1/embeddings HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {organization.api_key}\r\n"
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(f"{head}Content-Length: 5000000\r\n\r\n".encode())
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413 ")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        chunk = b"%x\r\n%b\r\n" % (1 << 16, b"x" * (1 << 16))
        sent = 0
        try:
            while sent < 1000:
                connection.sendall(chunk)
                sent += 1
        except OSError:
            pass
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413 ") or sent < 200


def test_a_wrong_lane_is_refused_and_a_right_one_kept(client: httpx.Client, served: Served, log: Log) -> None:
    body = {"model": EMBEDDING, "input": "a"}
    assert client.post("/v1/embeddings", json=body, headers={"x-bailiwick-lane": "fast"}).status_code == 400
    response = client.post("/v1/embeddings", json=body, headers={"x-bailiwick-lane": "batch"})
    record = log.record(response.headers["x-request-id"])
    assert served.engine.last.lane == "batch"
    assert record is not None and record["lane"] == "batch"


def test_refusals_never_repeat_what_was_sent(client: httpx.Client) -> None:
    canary = "canary.person@example.com"
    bodies = [
        {"model": canary, "messages": MESSAGES},
        {"model": CHAT, "messages": [{"role": canary, "content": "x"}]},
        {"model": CHAT, "messages": MESSAGES, "temperature": canary},
        {"model": EMBEDDING, "input": "x", "encoding_format": canary},
    ]
    for body in bodies:
        assert canary not in client.post("/v1/chat/completions", content=json.dumps(body)).text


def _models(served: Served, token: str) -> httpx.Response:
    return httpx.get(f"{served.url}/v1/models", headers={"Authorization": f"Bearer {token}"})


def _embed(served: Served, token: str) -> httpx.Response:
    body = {"model": EMBEDDING, "input": "a"}
    return httpx.post(f"{served.url}/v1/embeddings", headers={"Authorization": f"Bearer {token}"}, json=body)


def _until(look: Any, wanted: int, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if look() == wanted:
            return True
        time.sleep(0.01)
    return False
