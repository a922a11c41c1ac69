"""Databases of a cell of its own, for as long as a benchmark runs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bailiwick.embedded.cluster import Cluster


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """PostgreSQL and Redis, started, in a folder that is gone afterwards."""
    # /tmp: a Unix socket's path is limited to 107 bytes, and PostgreSQL's account must reach it.
    folder = Path(tempfile.mkdtemp(prefix="bw-bench-", dir="/tmp"))
    try:
        cluster = Cluster(folder)
        cluster.write_files()
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder)
