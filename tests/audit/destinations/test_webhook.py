from __future__ import annotations

import base64
import contextlib
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from standardwebhooks import Webhook as Reference
from standardwebhooks import WebhookVerificationError

from audit.destinations import Evidence, Reach
from audit.destinations.errors import (
    Busy,
    DestinationError,
    Forbidden,
    Gone,
    Misconfigured,
    Refused,
    Unacknowledged,
    Unreachable,
    Untrusted,
)
from audit.destinations.https import Endpoint, HttpsClient
from audit.destinations.tls import context
from audit.destinations.webhook import Webhook, public_key
from audit.formats import Format
from tests.audit.destinations.batches import BODIES, HERE, batch
from tests.peers import free_port
from tests.peers.certificates import Authority
from tests.peers.receiver import Receiver, Said, running


def _symmetric() -> str:
    return "whsec_" + base64.b64encode(os.urandom(32)).decode()


def _asymmetric() -> str:
    return "whsk_" + base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()


def _webhook(url: str, authority: Authority, *secrets: str, reach: Reach = HERE, within_s: float = 10.0) -> Webhook:
    endpoint = Endpoint.parse(url)
    client = HttpsClient(endpoint, reach, context(authority.certificate), within_s)
    return Webhook(client, endpoint.path, secrets or (_symmetric(),))


def test_a_batch_arrives_whole_and_signed_as_the_reference_verifies_it(
    receiver: Receiver, authority: Authority
) -> None:
    secret = _symmetric()

    receipt = _webhook(f"{receiver.url}/hook?a=b", authority, secret).send(batch())

    (heard,) = receiver.heard
    assert heard.path == "/hook?a=b"
    assert heard.body == batch().content and len(heard.body.splitlines()) == len(BODIES)
    assert heard.headers["content-type"] == "application/x-ndjson"
    assert heard.headers["webhook-id"] == "batch-00000001"
    assert heard.headers["host"] == f"localhost:{receiver.port}"
    assert (receipt.evidence, receipt.sha256) == (Evidence.ACCEPTED, sha256(heard.body).hexdigest())
    Reference(secret).verify(heard.body, heard.headers, json_parse=False)
    for wrong in ({"webhook-id": "batch-00000002"}, {"webhook-timestamp": str(int(time.time()) - 1)}):
        with pytest.raises(WebhookVerificationError):
            Reference(secret).verify(heard.body, heard.headers | wrong, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Reference(secret).verify(heard.body + b"\n", heard.headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Reference(_symmetric()).verify(heard.body, heard.headers, json_parse=False)


def test_both_secrets_sign_while_the_receiver_changes_from_one_to_the_other(
    receiver: Receiver, authority: Authority
) -> None:
    new, old, pair = _symmetric(), _symmetric(), _asymmetric()

    _webhook(receiver.url, authority, new, old, pair).send(batch(Format.CEF))

    (heard,) = receiver.heard
    assert heard.headers["content-type"].startswith("text/plain")
    for secret in (new, old):
        Reference(secret).verify(heard.body, heard.headers, json_parse=False)
    signature = heard.headers["webhook-signature"].split()[2]
    assert signature.startswith("v1a,")
    public = public_key(pair)
    assert public is not None and public.startswith("whpk_") and public_key(new) is None
    signed = f"batch-00000001.{heard.headers['webhook-timestamp']}.".encode() + heard.body
    Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix("whpk_"))).verify(
        base64.b64decode(signature.removeprefix("v1a,")), signed
    )


def test_what_is_sent_again_is_the_same(receiver: Receiver, authority: Authority) -> None:
    webhook = _webhook(receiver.url, authority)
    receiver.said = Said(503)
    with pytest.raises(Busy):
        webhook.send(batch())
    receiver.said = Said(202)
    webhook.send(batch())

    first, second = receiver.heard
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, Refused),
        (302, Refused),
        (307, Refused),
        (400, Refused),
        (401, Refused),
        (403, Refused),
        (404, Refused),
        (408, Busy),
        (410, Gone),
        (413, Refused),
        (425, Busy),
        (429, Busy),
        (500, Busy),
        (502, Busy),
        (503, Busy),
    ],
)
def test_only_a_success_acknowledges(
    receiver: Receiver, authority: Authority, status: int, error: type[DestinationError]
) -> None:
    receiver.said = Said(
        status, {"Location": f"{receiver.url}/elsewhere", "Retry-After": "90"}, b"a secret in the answer"
    )

    with pytest.raises(error) as refused:
        _webhook(receiver.url, authority).send(batch())

    assert [heard.path for heard in receiver.heard] == ["/"]
    assert "secret" not in str(refused.value)
    assert getattr(refused.value, "after_s", 90.0) == 90.0


def test_a_certificate_of_another_authority_name_or_time_is_not_trusted(
    authority: Authority, receiver: Receiver, tmp_path: Path
) -> None:
    with pytest.raises(Untrusted):
        _webhook(receiver.url, Authority()).send(batch())
    with pytest.raises(Untrusted):
        client = HttpsClient(Endpoint.parse(receiver.url), HERE, context(None))  # what the machine trusts
        Webhook(client, "/", [_symmetric()]).send(batch())
    for signed in (authority.server("siem.example"), authority.server("localhost", lasting=timedelta(days=-1))):
        with running(Receiver(signed, tmp_path)) as other, pytest.raises(Untrusted):
            _webhook(other.url, authority).send(batch())
        assert other.heard == []
    assert receiver.heard == []


def test_a_private_address_is_not_even_connected_to(receiver: Receiver, authority: Authority) -> None:
    for url in (receiver.url, f"https://127.0.0.1:{receiver.port}/", f"https://2130706433:{receiver.port}/"):
        with pytest.raises(Forbidden):
            _webhook(url, authority, reach=Reach()).send(batch())

    assert receiver.heard == []


def test_a_name_is_resolved_once_so_that_it_cannot_lead_elsewhere_after_it_was_checked(
    receiver: Receiver, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, resolve = [], socket.getaddrinfo

    def counted(host: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append(host)
        return resolve(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", counted)
    _webhook(receiver.url, authority).send(batch())

    # What is asked after the name is a number that was checked.
    assert asked[0] == "localhost" and set(asked[1:]) <= {"127.0.0.1", "::1"}


def test_nobody_listening_is_not_reached(authority: Authority) -> None:
    with pytest.raises(Unreachable):
        _webhook(f"https://localhost:{free_port()}/", authority).send(batch())


def test_proxies_of_the_environment_are_not_used(
    receiver: Receiver, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")

    _webhook(receiver.url, authority).send(batch())

    assert len(receiver.heard) == 1


@contextlib.contextmanager
def _dripping(authority: Authority, folder: Path, said: bytes, pause_s: float) -> Iterator[int]:
    """A server that answers a piece at a time, and never to the end."""
    trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trusted.load_cert_chain(*authority.server("localhost").written(folder, "drip"))
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        with contextlib.suppress(OSError):
            plain, _ = listener.accept()
            with trusted.wrap_socket(plain, server_side=True) as session:
                session.recv(1 << 16)
                while not over.wait(pause_s):
                    session.sendall(said)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        over.set()
        listener.close()
        thread.join(5)


@pytest.mark.parametrize(
    "said", [b"H", b"HTTP/1.1 200 OK\r\nx: y\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"nonsense\r\n\r\n"]
)
def test_an_answer_that_never_ends_is_ended(authority: Authority, tmp_path: Path, said: bytes) -> None:
    began = time.monotonic()

    with _dripping(authority, tmp_path, said, 0.05) as port, pytest.raises(Unacknowledged):
        _webhook(f"https://localhost:{port}/", authority, within_s=1.0).send(batch())

    assert time.monotonic() - began < 5


def test_an_answer_whose_end_somebody_else_made_is_none(authority: Authority, tmp_path: Path) -> None:
    trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trusted.load_cert_chain(*authority.server("localhost").written(tmp_path, "cut"))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            plain, _ = listener.accept()
            with trusted.wrap_socket(plain, server_side=True) as session:
                session.recv(1 << 16)
                session.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: te")
                # Closed without TLS's own end, as by somebody on the way.
                socket.socket.shutdown(session, socket.SHUT_WR)
                session.recv(1 << 16)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(Unacknowledged):
            _webhook(f"https://localhost:{listener.getsockname()[1]}/", authority).send(batch(bodies=BODIES[:1]))
        thread.join(5)


@pytest.mark.parametrize(
    "secrets",
    [
        [],
        ["plain"],
        ["whsec_"],
        ["whsec_" + base64.b64encode(b"x" * 23).decode()],
        ["whsec_" + base64.b64encode(b"x" * 65).decode()],
        ["whsec_not base64"],
        ["whsk_" + base64.b64encode(b"x" * 31).decode()],
        ["whsk_" + base64.b64encode(b"x" * 64).decode()],  # the second half is not the first one's public key
        ["whsec_" + base64.b64encode(b"x" * 24).decode()] * 4,
    ],
)
def test_what_is_no_signing_secret_is_refused_without_being_repeated(secrets: list[str], authority: Authority) -> None:
    with pytest.raises(Misconfigured) as refused:
        Webhook(HttpsClient(Endpoint("localhost", 1, "/"), HERE, context(authority.certificate)), "/", secrets)

    assert "eHh4" not in str(refused.value)
