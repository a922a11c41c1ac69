"""The witness over HTTP/1.1, on a loopback address; in front of it, whoever runs it puts their own TLS."""

from __future__ import annotations

import logging
import re
import socket
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore
from typing import Any

from audit.witness.request import LARGEST
from audit.witness.service import Answer, WitnessService
from audit.witness.state import StateDamaged

_log = logging.getLogger(__name__)
_PATIENCE_S = 20
"""A client that says nothing for so long is hung up on."""
_MOST_CONNECTIONS = 64
_CHECKPOINT = re.compile(r"/([0-9a-f]{64})/checkpoint")
_LENGTH = re.compile(r"[0-9]{1,9}")


class WitnessServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], service: WitnessService) -> None:
        self.service = service
        self._room = BoundedSemaphore(_MOST_CONNECTIONS)
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._room.acquire()
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is nobody's fault; anything else is ours."""
        if not isinstance(sys.exception(), ConnectionError):
            _log.exception("a request failed")

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "bailiwick-witness", ""
    timeout = _PATIENCE_S
    server: WitnessServer

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_POST(self) -> None:
        if self.path != "/add-checkpoint":
            return self._answer(Answer(HTTPStatus.NOT_FOUND, "POST /add-checkpoint\n"), close=True)
        length = self.headers.get("content-length", "")
        if "transfer-encoding" in self.headers or not _LENGTH.fullmatch(length):
            return self._answer(Answer(HTTPStatus.LENGTH_REQUIRED, "say the Content-Length\n"), close=True)
        if int(length) > LARGEST:
            return self._answer(Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too large\n"), close=True)
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return None
        try:
            answer = self.server.service.add_checkpoint(body)
        except (StateDamaged, OSError) as error:
            # Nothing was co-signed: what is not kept safely is not answered.
            _log.error("%s", error)
            answer = Answer(HTTPStatus.INTERNAL_SERVER_ERROR, "this witness cannot keep its state\n")
        return self._answer(answer)

    def do_GET(self) -> None:
        match = _CHECKPOINT.fullmatch(self.path)
        note = self.server.service.checkpoint(match[1]) if match else None
        if note is None:
            return self._answer(Answer(HTTPStatus.NOT_FOUND, "no checkpoint of this log was co-signed here\n"))
        return self._answer(Answer(HTTPStatus.OK, note))

    def _answer(self, answer: Answer, *, close: bool = False) -> None:
        body = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(body)))
        if close:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  # the base class's name
        """Requests are not logged one by one: a log asks about once a second."""
