from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import redis
from celery import Celery
from django.db import connections

from audit.signing import vkeys
from audit.verifier.certificate import verify_certificate
from cell.config import config
from cell.tasks import SWEEP_TASK
from retention.erasures import certificate_download, erasure_get, erasure_request
from tests.factories import make_organization
from tests.retention.requests import payloads, serve

pytestmark = pytest.mark.usefixtures("committed")


class Workers:
    """Real Celery workers, each in a process group of its own."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        command = [sys.executable, "-m", "celery", "--quiet", "-A", "bailiwick.celery", "worker"]
        command += ["--loglevel", "ERROR", "--pool", "prefork", "-c", "1", "--without-gossip", "--without-mingle"]
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        self._running.append(subprocess.Popen(command, env=environ, start_new_session=True, stdout=subprocess.DEVNULL))

    def kill(self) -> None:
        for worker in self._running:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
        self._running.clear()


@pytest.fixture
def workers(committed: None) -> Iterator[Workers]:
    workers = Workers()
    yield workers
    workers.kill()


def test_erasures_end_although_all_workers_are_killed(workers):
    organization = make_organization()
    workspace = organization.workspace
    requests = [serve(workspace) for _ in range(8)]
    workers.start()
    asked = [erasure_request(actor=organization.owner, workspace=workspace, request=r)[0] for r in requests]

    def certified() -> int:
        connections.close_all()
        return sum(erasure_get(workspace, info.id).certified for info in asked)

    beat = Celery("beat", broker=config().redis_url, set_as_current=False)
    deadline = time.monotonic() + 90
    while certified() < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    workers.kill()
    assert certified() >= 2
    workers.start()
    while certified() < len(asked) and time.monotonic() < deadline:
        beat.send_task(SWEEP_TASK)
        time.sleep(1)
    assert certified() == len(asked)
    assert payloads(workspace) == set()
    for info in asked:
        text = certificate_download(actor=organization.owner, workspace=workspace, erasure=info.id)
        verify_certificate(text.encode(), vkeys())


def test_erasures_end_although_redis_forgets_everything(workers, cluster):
    organization = make_organization()
    workspace = organization.workspace
    requests = [serve(workspace) for _ in range(3)]
    asked = [erasure_request(actor=organization.owner, workspace=workspace, request=r)[0] for r in requests]
    with redis.Redis(unix_socket_path=str(cluster.redis_socket)) as broker:
        broker.flushall()  # and with it every wake-up
        workers.start()
        beat = Celery("beat", broker=config().redis_url, set_as_current=False)
        deadline = time.monotonic() + 90

        def certified() -> int:
            connections.close_all()
            return sum(erasure_get(workspace, info.id).certified for info in asked)

        while certified() < len(asked) and time.monotonic() < deadline:
            broker.flushall()
            beat.send_task(SWEEP_TASK)
            time.sleep(1)
    assert certified() == len(asked)
    assert payloads(workspace) == set()
