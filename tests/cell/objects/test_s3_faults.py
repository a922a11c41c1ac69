from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from cell.object_config import S3Bucket
from cell.objects import ObjectExists, ObjectStore, StoreAway, StoreRefused, open_store
from tests.peers import free_port
from tests.peers.proxy import Proxy, proxy
from tests.peers.radosgw import RadosGw

BODY = b"CANARY-0815"
LARGE = os.urandom(1 << 20) * 17
"""Two parts of an upload."""


@pytest.fixture
def line(radosgw: RadosGw) -> Iterator[Proxy]:
    with proxy(radosgw.http_port) as running:
        yield running


@pytest.fixture
def bucket(radosgw: RadosGw) -> S3Bucket:
    return radosgw.bucket()


@pytest.fixture
def far(bucket: S3Bucket, line: Proxy) -> ObjectStore:
    """The store as it is over a line with faults."""
    return open_store(replace(bucket, endpoint=f"http://127.0.0.1:{line.port}"))


@pytest.fixture
def near(bucket: S3Bucket) -> ObjectStore:
    return open_store(bucket)


def test_reading_goes_on_where_it_was_cut_and_at_the_same_version(
    far: ObjectStore, near: ObjectStore, line: Proxy
) -> None:
    near.put("key", LARGE)
    line.cuts_down = [1_000_000, 5_000_000, 3_000_000]
    with far.open("key") as file:
        first = file.read(10_000)
        near.put("key", b"another")
        assert first + file.read() == LARGE
    assert line.cuts_down == []


def test_reading_over_a_line_that_is_cut_again_and_again_ends(far: ObjectStore, near: ObjectStore, line: Proxy) -> None:
    near.put("key", LARGE)
    line.cuts_down = [500_000] * 100
    with pytest.raises(StoreAway), far.open("key") as file:
        while file.read(1 << 20):
            pass


def test_what_is_erased_while_it_is_read_is_not_read_to_its_end(
    far: ObjectStore, near: ObjectStore, line: Proxy
) -> None:
    near.put("key", LARGE)
    line.cuts_down = [15_000_000]
    with far.open("key") as file:
        file.read(1)
        near.delete_all_versions("key")
        with pytest.raises(LookupError):
            file.read()


def test_a_put_whose_answer_was_lost_is_repeated(far: ObjectStore, near: ObjectStore, line: Proxy) -> None:
    line.lost_answers = [BODY]
    version = far.put("key", BODY)
    assert near.get("key", version.id) == BODY
    assert near.get("key") == BODY
    assert near.delete_all_versions("key") == 2  # nothing tells a server that the second is the first again


def test_a_new_object_whose_answer_was_lost_is_there_once(far: ObjectStore, near: ObjectStore, line: Proxy) -> None:
    line.lost_answers = [BODY]
    version = far.put_new("key", BODY)
    assert line.lost_answers == []
    assert [found.id for found in near.versions("key")] == [version.id]
    with pytest.raises(ObjectExists):
        far.put_new("key", BODY)


def test_an_upload_whose_last_answer_was_lost_is_there_once(far: ObjectStore, near: ObjectStore, line: Proxy) -> None:
    line.lost_answers = [b"POST /" + _name(far) + b"/key?uploadId="]
    version = far.put("key", LARGE)
    assert line.lost_answers == []
    assert [found.id for found in near.versions("key")] == [version.id]
    assert near.get("key") == LARGE
    assert list(near.uploads()) == []


def test_bytes_that_were_altered_on_the_way_are_not_stored(far: ObjectStore, near: ObjectStore, line: Proxy) -> None:
    line.altered = 1
    with pytest.raises(StoreAway):
        far.put("key", LARGE)
    line.altered = 1
    with pytest.raises(StoreAway):
        far.put("key", LARGE[:1_000_000])
    assert line.altered == 0
    assert near.versions("key") == []
    assert list(near.uploads()) == []
    far.put("key", LARGE[:1_000_000])
    assert near.get("key") == LARGE[:1_000_000]


def test_an_upload_that_fails_midway_leaves_nothing_behind(
    far: ObjectStore, near: ObjectStore, line: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cell.objects.s3_client.ATTEMPTS", 2)
    line.lost_answers = [b"partNumber=2", b"partNumber=2"]
    with pytest.raises(StoreAway):
        far.put("key", LARGE)
    assert near.versions("key") == []
    assert list(near.uploads()) == []


def test_a_server_that_says_nothing_is_away_within_bounds(
    far: ObjectStore, line: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cell.objects.s3_client.READ_S", 0.3)
    monkeypatch.setattr("cell.objects.s3_client.ATTEMPTS", 2)
    line.silent = True
    begun = time.monotonic()
    with pytest.raises(StoreAway, match="ReadTimeoutError"):
        far.get("key")
    assert time.monotonic() - begun < 10
    assert line.connections == 2


def test_a_server_that_is_not_there_is_away(bucket: S3Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cell.objects.s3_client.ATTEMPTS", 2)
    gone = open_store(replace(bucket, endpoint=f"http://127.0.0.1:{free_port()}"))
    for ask in (lambda: gone.get("key"), lambda: gone.put("key", b"1"), gone.region, lambda: list(gone.uploads())):
        with pytest.raises(StoreAway):
            ask()


@pytest.mark.parametrize(
    ("status", "code", "raises"),
    [
        (307, "TemporaryRedirect", StoreRefused),
        (301, "PermanentRedirect", StoreRefused),
        (503, "SlowDown", StoreAway),
        (500, "InternalError", StoreAway),
        (403, "AccessDenied", StoreRefused),
        (400, "<b>subject@example.org</b>", StoreRefused),
    ],
)
def test_a_server_that_does_not_want_is_told_apart_and_never_followed_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, code: str, raises: type[Exception]
) -> None:
    monkeypatch.setattr("cell.objects.s3_client.ATTEMPTS", 1)
    credentials = tmp_path / "credentials"
    credentials.touch(mode=0o600)
    credentials.write_text("[default]\naws_access_key_id = a\naws_secret_access_key = b\n")
    with (
        socket.create_server(("127.0.0.1", 0)) as elsewhere,
        _Answering(status, code, elsewhere.getsockname()[1]) as port,
    ):
        elsewhere.settimeout(0.2)
        store = open_store(S3Bucket("bucket", "eu-de", "eu", f"http://127.0.0.1:{port}", None, credentials))
        with pytest.raises(raises) as refused:
            store.put("key", b"personal")
        assert "subject" not in str(refused.value)
        with pytest.raises(TimeoutError):
            elsewhere.accept()


class _Answering:
    """A server of ours that gives every request the same answer, and names another place to ask."""

    def __init__(self, status: int, code: str, other_port: int) -> None:
        body = f"<Error><Code>{code.replace('<', '&lt;')}</Code><Message>subject@example.org</Message></Error>".encode()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # otherwise it never says 100 Continue, and the client waits a second for it

            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(status)
                self.send_header("Location", f"http://127.0.0.1:{other_port}/bucket/key")
                self.send_header("x-amz-bucket-region", "us-east-1")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _answer

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the standard library's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> int:
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self._server.server_port

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _name(store: ObjectStore) -> bytes:
    name: str = store.bucket.name  # type: ignore[attr-defined]  # it is one on S3
    return name.encode()
