"""Requests for another cell: refused by their headers alone, with the address where they belong."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator

import httpx
import openai
import pytest

from bailiwick.guard import Receive, Scope, Send, answer
from tests.bailiwick.serving import Served, guarded, serving

FOREIGN_KEY = "sk-eufr1-" + "a" * 50
OWN_KEY = "sk-eude1-" + "a" * 50
FIVE_MB = 5 * 1024 * 1024
MOST_READ = 64 * 1024


async def _echo_length(scope: Scope, receive: Receive, send: Send) -> None:
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    await answer(send, 200, b"application/json", json.dumps({"length": length}).encode())


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with serving(guarded(_echo_length)) as served:
        yield served


@pytest.fixture(autouse=True)
def _count_from_zero(server: Served) -> None:
    server.reads.clear()


def test_a_foreign_key_with_five_megabytes_is_refused_unread(server: Served) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.settimeout(10)
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {FOREIGN_KEY}\r\n"
        connection.sendall(f"{head}content-length: {FIVE_MB}\r\n\r\n".encode())
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            connection.sendall(b"x" * FIVE_MB)
        received = b""
        while part := connection.recv(65536):
            received += part

    assert received.startswith(b"HTTP/1.1 421 ")
    assert b"connection: close" in received
    assert b"https://api.eu-fr.example" in received
    assert 0 < server.bytes_read < MOST_READ


def test_the_openai_client_shows_the_right_address(server: Served) -> None:
    client = openai.OpenAI(api_key=FOREIGN_KEY, base_url=f"{server.url}/v1", max_retries=3)

    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x" * FIVE_MB}])

    assert caught.value.status_code == 421
    assert caught.value.code == "wrong_region"
    assert "https://api.eu-fr.example" in caught.value.message
    assert caught.value.request_id is not None
    assert caught.value.request_id.startswith("req_eude1_")
    assert 0 < server.bytes_read < MOST_READ


def test_a_body_of_ours_arrives_whole_whatever_its_size(server: Served) -> None:
    headers = {"authorization": f"Bearer {OWN_KEY}"}

    with httpx.Client(base_url=server.url, headers=headers) as client:
        lengths = [client.post("/v1/x", content=b"y" * size).json()["length"] for size in (0, 1, 40_000, FIVE_MB, 3)]

    assert lengths == [0, 1, 40_000, FIVE_MB, 3]


@pytest.mark.parametrize("scheme", ["bearer", "Bearer", "BEARER "])
def test_the_scheme_is_read_without_regard_to_case(server: Served, scheme: str) -> None:
    response = httpx.get(f"{server.url}/api/workspaces", headers={"authorization": f"{scheme} {FOREIGN_KEY}"})

    assert response.status_code == 421


@pytest.mark.parametrize(
    "path",
    ["/api/workspaces/ws_eufr1_{}/keys", "/api/workspaces?workspace=ws_eufr1_{}", "/v1/requests/req_eufr1_{}"],
)
def test_a_foreign_id_in_the_address_is_refused(server: Served, path: str) -> None:
    response = httpx.get(server.url + path.format("0" * 32), headers={"authorization": f"Bearer {OWN_KEY}"})

    assert response.status_code == 421
    body = response.json()
    assert body.get("error", body)["url"] == "https://api.eu-fr.example"
    assert response.headers["connection"] == "close"


def test_the_management_api_answers_in_problem_details(server: Served) -> None:
    response = httpx.get(f"{server.url}/api/workspaces", headers={"authorization": f"Bearer {FOREIGN_KEY}"})

    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {
        "type": "urn:bailiwick:problem:wrong-region",
        "title": "wrong-region",
        "status": 421,
        "detail": "This belongs to region eu-fr-1. Send it to https://api.eu-fr.example; it was not read here.",
        "region": "eu-fr-1",
        "url": "https://api.eu-fr.example",
    }


@pytest.mark.parametrize(
    "key", [OWN_KEY, "sk-proj-" + "a" * 40, "sk-mars1-" + "a" * 50, "eufr1", "-", "sk-eude1-sk-eufr1-" + "a" * 40]
)
def test_what_is_no_other_cells_goes_on(server: Served, key: str) -> None:
    response = httpx.get(f"{server.url}/v1/models", headers={"authorization": f"Bearer {key}"})

    assert response.status_code == 200


def test_an_answer_before_the_body_ends_the_connection_and_is_not_lost() -> None:
    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, 401, b"application/json", b"{}", (b"connection", b"close"))

    with serving(refuse) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            connection.request("POST", "/v1/x", body=b"z" * FIVE_MB)
        response = connection.getresponse()

        assert response.status == 401
        assert response.read() == b"{}"
        assert server.bytes_read < MOST_READ


def test_requests_follow_each_other_on_one_connection(server: Served) -> None:
    with httpx.Client(base_url=server.url) as client:
        answers = [client.post("/v1/x", content=b"a" * 50_000).status_code for _ in range(20)]

    assert answers == [200] * 20


def test_pipelined_requests_are_answered_in_order(server: Served) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.settimeout(10)
        one = b"POST /v1/x HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s"
        last = b"POST /v1/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc"
        connection.sendall(one % (1, b"a") + one % (2, b"ab") + last)
        received = b""
        while part := connection.recv(65536):
            received += part

    assert [int(part[:1]) for part in received.split(b'{"length": ')[1:]] == [1, 2, 3]
