from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from cell.config import config
from cell.objects import FileObjectStore, open_store, store


def test_a_process_has_one_store_and_it_is_the_configured_one() -> None:
    found = store()
    assert isinstance(found, FileObjectStore)
    assert found.root == config().objects
    assert store() is found


def test_a_child_has_connections_of_its_own(tmp_path: Path) -> None:
    parents = open_store(tmp_path)
    child = os.fork()
    if child == 0:
        os._exit(int(open_store(tmp_path) is parents))
    assert os.waitpid(child, 0)[1] == 0


def test_the_s3_client_is_loaded_only_where_a_bucket_is_configured() -> None:
    program = "import sys, cell.objects; print([name for name in sys.modules if name.startswith('boto')])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
