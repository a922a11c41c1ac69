"""AWS KMS as moto's server plays it: a process that speaks KMS's protocol. An imitation, not AWS.

It holds for shapes and encryption contexts. It proves nothing of who may call, which it does not check, nor of keys that are
disabled or scheduled for deletion: it goes on decrypting under them. What KMS answers then is played by `refusing`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests.peers import end, free_port, missing, wait_for_port

REGION = "eu-central-1"
ENVIRON = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_EC2_METADATA_DISABLED": "true"}
"""What a process that calls it needs in its environment."""


@dataclass(frozen=True, slots=True)
class Kms:
    endpoint: str
    client: Any

    def make_key(self) -> str:
        """The new key's ARN."""
        return str(self.client.create_key()["KeyMetadata"]["Arn"])


@contextmanager
def kms() -> Iterator[Kms]:
    for module in ("moto", "flask", "flask_cors", "boto3"):
        if importlib.util.find_spec(module) is None:
            missing("moto's server", "pip install -e '.[test]'")
    import boto3

    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    os.environ.update(ENVIRON)
    try:
        wait_for_port(port, process)
        endpoint = f"http://127.0.0.1:{port}"
        yield Kms(endpoint, boto3.client("kms", region_name=REGION, endpoint_url=endpoint))
    finally:
        end(process)


@contextmanager
def refusing(code: str, status: int = 400) -> Iterator[str]:
    """A server of ours at the yielded address that answers every call with the error `code`, in the form KMS's API has."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.dumps({"__type": code, "message": "as documented"}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the standard library's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
