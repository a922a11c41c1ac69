from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from audit.destinations import Evidence, Reach
from audit.destinations.errors import Forbidden, Misconfigured, Unacknowledged, Unreachable, Untrusted
from audit.destinations.interface import Batch, Item
from audit.destinations.syslog import SyslogDestination, encode
from audit.destinations.tls import Identity, context
from audit.formats import Format
from tests.audit.destinations.batches import HERE, batch
from tests.audit.formats.entries import entry
from tests.peers import free_port
from tests.peers.certificates import Authority, Signed
from tests.peers.rsyslog import CLIENT, Rsyslog, rsyslog


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rsyslog]:
    with rsyslog(tmp_path_factory.mktemp("rsyslog")) as found:
        yield found


def _syslog(
    port: int, authority: Authority, signed: Signed | None, reach: Reach = HERE, within_s: float = 10.0
) -> SyslogDestination:
    identity = None if signed is None else Identity(signed.certificate, signed.key)
    return SyslogDestination("localhost", port, reach, context(authority.certificate, identity), within_s)


@pytest.mark.peer("rsyslog")
@pytest.mark.parametrize("name", list(Format))
def test_rsyslog_keeps_every_line_as_it_was_sent(server: Rsyslog, name: Format) -> None:
    before, sent = len(server.kept(0, 0)), batch(name)

    receipt = _syslog(server.port, server.authority, server.authority.client(CLIENT)).send(sent)

    kept = server.kept(before + len(sent.items))[before:]
    assert (receipt.evidence, receipt.sha256) == (Evidence.TAKEN, sha256(encode(sent)).hexdigest())
    priorities = [109, 110, 106]  # log audit: notice, informational, critical
    for line, item, priority in zip(kept, sent.items, priorities, strict=True):
        head = f'{priority} {item.time} eu-de-1 bailiwick - {name.value} [origin software="bailiwick"] '
        assert line == head + item.line.decode()


@pytest.mark.peer("rsyslog")
def test_a_long_batch_arrives_whole_and_in_order(server: Rsyslog) -> None:
    before = len(server.kept(0, 0))
    sent = batch(bodies=list(_many(2_000)))

    _syslog(server.port, server.authority, server.authority.client(CLIENT)).send(sent)

    kept = server.kept(before + 2_000)[before:]
    assert [line.split("] ", 1)[1] for line in kept] == [item.line.decode() for item in sent.items]


def _many(count: int) -> Iterator[bytes]:
    for number in range(count):
        yield entry("retention.changed", after={"version": number}).body()


@pytest.mark.peer("rsyslog")
def test_who_is_not_known_there_is_told_so_and_nothing_is_kept(server: Rsyslog) -> None:
    before = len(server.kept(0, 0))
    strangers = [server.authority.client("somebody.else"), Authority().client(CLIENT), None]

    for signed in strangers:
        with pytest.raises(Unacknowledged):
            _syslog(server.port, server.authority, signed).send(batch())
    with pytest.raises(Untrusted):
        _syslog(server.port, Authority(), server.authority.client(CLIENT)).send(batch())
    with pytest.raises(Forbidden):
        _syslog(server.port, server.authority, server.authority.client(CLIENT), reach=Reach()).send(batch())

    assert len(server.kept(before + 1, 0.5)) == before


def test_nobody_listening_is_not_reached(authority: Authority) -> None:
    with pytest.raises(Unreachable):
        _syslog(free_port(), authority, None).send(batch())


class _Server:
    """One connection of TLS, and then what the test wants to happen to it."""

    def __init__(self, authority: Authority, folder: Path, then: str) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*authority.server("localhost").written(folder, "server"))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port, self._then, self.read = int(self._listener.getsockname()[1]), then, b""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        plain, _ = self._listener.accept()
        session = self._context.wrap_socket(plain, server_side=True)
        if self._then == "first":
            self.read = session.recv(10)
        elif self._then != "leave":
            while piece := session.recv(1 << 16):
                self.read += piece
        if self._then == "orderly":
            session.unwrap()
        if self._then == "hold":
            self._over.wait(10)
        session.close()

    def close(self) -> None:
        self._over.set()
        self._listener.close()
        self._thread.join(10)


@pytest.mark.parametrize("then", ["orderly", "close"])
def test_a_receiver_that_read_everything_and_closed_has_taken_it(
    authority: Authority, tmp_path: Path, then: str
) -> None:
    server = _Server(authority, tmp_path, then)

    receipt = _syslog(server.port, authority, None).send(batch())

    server.close()
    assert server.read == encode(batch())
    assert receipt.evidence is Evidence.TAKEN


@pytest.mark.parametrize("then", ["leave", "first", "hold"])
def test_a_receiver_that_leaves_something_unread_or_does_not_close_has_not(
    authority: Authority, tmp_path: Path, then: str
) -> None:
    server = _Server(authority, tmp_path, then)

    with pytest.raises(Unacknowledged):
        _syslog(server.port, authority, None, within_s=2.0).send(batch())

    server.close()


def test_messages_are_in_the_form_of_the_rfc_and_counted_in_octets() -> None:
    item = Item("ent_eude1_1", "2026-11-21T10:28:57.496908Z", 0, 3, "Grüße".encode())
    sent = Batch("batch-00000001", Format.CEF, "log", "eu-de-1", (item, item))

    body = encode(sent)

    head = b'<108>1 2026-11-21T10:28:57.496908Z eu-de-1 bailiwick - cef [origin software="bailiwick"] '
    message = head + b"\xef\xbb\xbfGr\xc3\xbc\xc3\x9fe"
    assert body == b"%d %s" % (len(message), message) * 2
    assert re.fullmatch(rb"<\d{1,3}>1 \S+ \S+ \S+ \S+ \S+ \[.+?\] .+", message, re.DOTALL)


def test_a_certificate_and_a_key_of_two_are_refused(authority: Authority) -> None:
    one, other = authority.client("one"), authority.client("other")
    for identity in (
        Identity(one.certificate, other.key),
        Identity("", one.key),
        Identity(one.certificate, "nonsense"),
    ):
        with pytest.raises(Misconfigured) as refused:
            context(authority.certificate, identity)
        assert "PRIVATE" not in str(refused.value)
    for ca in ("", " ", "nonsense", one.key):
        with pytest.raises(Misconfigured):
            context(ca)
