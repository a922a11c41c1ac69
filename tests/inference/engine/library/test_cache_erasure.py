from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from inference.engine import CacheManager
from inference.engine.scrub import environment, wipes_freed
from tests.inference.engine.library.caches import V, files, value
from tests.inference.engine.library.memory import runs_in_memory


def test_erasing_leaves_nothing_in_memory_nor_in_files() -> None:
    # In a process that wipes what it frees: other tests' heaps keep copies of anything.
    root = Path(__file__).parents[4]
    command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--noconftest", "-p", "no:cacheprovider"]
    child = subprocess.run(
        [
            *command,
            "-p",
            "no:django",
            "-p",
            "tests.inference.engine.library.caches",
            f"{__file__}::check_that_erasing_leaves_nothing",
            "-o",
            "python_functions=check_*",
        ],
        env={**os.environ, **environment(wipe_freed=True), "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=root,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert child.returncode == 0 and "1 passed" in child.stdout, child.stdout


def check_that_erasing_leaves_nothing(opened: Callable[..., CacheManager], tmp_path: Path) -> None:
    assert wipes_freed()
    cache = opened()
    step = 0x1E3779B97F4A7C15
    marked = torch.arange(4096, dtype=torch.int64) * step
    for level in ("l1", "l2", "l3"):
        cache.put(level.encode(), marked, workspace="a", version=V, level=level)
        cache.put(level.encode(), value(1), workspace="b", version=V, level=level)
    cache.get(b"l3", workspace="a", version=V)
    sealed = files(tmp_path)
    inodes = [path.open("rb") for path in sealed]
    marked.zero_()
    assert runs_in_memory(step) >= 3

    receipt = cache.erase("a")

    assert runs_in_memory(step) == 0
    assert (receipt.workspace, receipt.epoch, receipt.keys_rotated) == ("a", 0, 1)
    assert dict(receipt.entries) == {"l1": 2, "l2": 1, "l3": 1}
    assert receipt.bytes["l2"] >= 4096 * 8
    assert receipt.began <= receipt.ended
    assert cache.usage("a") == {"l1": 0, "l2": 0, "l3": 0}
    gone = [stream for path, stream in zip(sealed, inodes, strict=True) if not path.exists()]
    assert len(gone) == 1
    assert not any(gone[0].read())
    assert len(list((tmp_path / "l3").glob("*/"))) == 1  # of the other workspace
    for level in ("l1", "l2", "l3"):
        assert cache.get(level.encode(), workspace="a", version=V) is None
        assert cache.get(level.encode(), workspace="b", version=V) is not None
    for stream in inodes:
        stream.close()


def test_what_was_computed_before_an_erasure_is_not_kept_after_it(opened: Callable[..., CacheManager]) -> None:
    cache = opened()
    epoch = cache.epoch("a")
    cache.erase("a")

    assert not cache.put(b"k", value(1), workspace="a", version=V, epoch=epoch)
    assert cache.put(b"k", value(1), workspace="a", version=V, epoch=cache.epoch("a"))


def test_an_erased_file_that_comes_back_from_a_backup_stays_shut(
    opened: Callable[..., CacheManager], tmp_path: Path
) -> None:
    key = os.urandom(32)
    cache = opened(key=key)
    cache.put(b"k", value(1), workspace="a", version=V, level="l3")
    (file,) = files(tmp_path)
    backup = file.read_bytes()
    cache.erase("a")
    cache.put(b"later", value(2), workspace="a", version=V, level="l3")
    cache.close()
    file.write_bytes(backup)
    cache = opened(key=key)

    assert cache.get(b"k", workspace="a", version=V) is None
    assert torch.equal(cache.get(b"later", workspace="a", version=V), value(2))
