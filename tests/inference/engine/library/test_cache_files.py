from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.engine import CacheError, CacheManager
from tests.inference.engine.library.caches import V, files, value


def test_files_name_and_hold_nothing_readable(opened: Callable[..., CacheManager], tmp_path: Path) -> None:
    cache = opened()
    marked = torch.frombuffer(bytearray(b"SECRET-MARK-0123" * 100), dtype=torch.uint8)
    cache.put(b"SECRET-KEY", marked, workspace="ws_eude1_secret", version=V, level="l3")
    content = b"".join(path.read_bytes() for path in (tmp_path / "l3").rglob("*") if path.is_file())

    assert len(content) > 1600
    for word in (b"SECRET", b"ws_eude1", V.encode(), b"uint8", b"tensor"):
        assert word not in content
    for path in files(tmp_path):
        assert re.fullmatch(r"[0-9a-f]{32}/[0-9a-f]{32}\.[0-9a-f]{16}", str(path.relative_to(tmp_path / "l3")))
        assert path.stat().st_mode & 0o077 == 0


def test_a_given_key_serves_the_next_process_and_another_key_nothing(
    opened: Callable[..., CacheManager], tmp_path: Path
) -> None:
    key = os.urandom(32)
    first = opened(key=key)
    first.put(b"k", value(1), workspace="a", version=V)
    first.close()
    second = opened(key=key)
    found = second.get(b"k", workspace="a", version=V)
    second.close()
    third = opened(key=os.urandom(32))

    assert torch.equal(found, value(1))
    assert third.get(b"k", workspace="a", version=V) is None
    assert files(tmp_path) == []


def test_a_folder_belongs_to_one_process_and_to_a_cache(opened: Callable[..., CacheManager], tmp_path: Path) -> None:
    opened()
    with pytest.raises(CacheError, match="another process uses"):
        opened()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all my work")
    with pytest.raises(CacheError, match="something else than a cache"):
        opened(folder=tmp_path / "mine")
    with pytest.raises(CacheError, match="32 bytes"):
        opened(key=b"short")


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_torn_or_altered_file_is_a_counted_miss(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("torn")
    with CacheManager(folder=folder / "l3", l3_mb=8) as cache:
        cache.put(b"k", value(1), workspace="a", version=V, level="l3")
        (file,) = files(folder)
        content = bytearray(file.read_bytes())
        if data.draw(st.booleans()):
            del content[data.draw(st.integers(0, len(content) - 1)) :]
        else:
            content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        file.write_bytes(content)

        assert cache.get(b"k", workspace="a", version=V) is None
        assert (cache.stats().torn, cache.stats().misses, files(folder)) == (1, 1, [])
        assert cache.put(b"k", value(1), workspace="a", version=V, level="l3")
        assert torch.equal(cache.get(b"k", workspace="a", version=V), value(1))


def test_a_file_put_in_anothers_place_is_a_counted_miss(opened: Callable[..., CacheManager], tmp_path: Path) -> None:
    cache = opened()
    cache.put(b"k", value(1), workspace="a", version=V, level="l3")
    (first,) = files(tmp_path)
    cache.put(b"l", value(2), workspace="a", version=V, level="l3")
    second = next(path for path in files(tmp_path) if path != first)
    second.write_bytes(first.read_bytes())

    assert cache.get(b"l", workspace="a", version=V) is None
    assert cache.stats().torn == 1


def test_a_kill_at_any_moment_loses_nothing_but_cache(opened: Callable[..., CacheManager], tmp_path: Path) -> None:
    writer = """if True:
        import sys, torch
        from inference.engine import CacheManager
        cache = CacheManager(folder=sys.argv[1], l3_mb=1, l1_mb=0, l2_mb=0, key=bytes(32))
        for i in range(10**9):
            cache.put(b"%d" % (i % 400), torch.full((1000,), i % 400), workspace=f"w{i % 400 % 3}", version="v")
            if i == 20:
                print("some are there", flush=True)
            if i % 50 == 49:
                cache.erase(f"w{i % 2}")
    """
    for pause in (0.03, 0.2):
        with subprocess.Popen(
            [sys.executable, "-c", writer, str(tmp_path / "l3")], stdout=subprocess.PIPE, env={**os.environ}
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"some are there\n"
            threading.Event().wait(pause)
            process.send_signal(signal.SIGKILL)
        cache = opened(key=bytes(32), l1_mb=0, l2_mb=0)
        found = 0
        for i in range(400):
            kept = cache.get(b"%d" % i, workspace=f"w{i % 3}", version="v")
            found += kept is not None
            assert kept is None or torch.equal(kept, torch.full((1000,), i))
        assert cache.stats().torn == 0
        assert not list((tmp_path / "l3").rglob("*.part"))
        cache.close()

    assert found > 0


def test_a_value_of_a_class_that_is_not_loaded_is_a_miss(opened: Callable[..., CacheManager], tmp_path: Path) -> None:
    writer = """if True:
        import sys, torch
        from transformers.modeling_outputs import BaseModelOutput
        from inference.engine import CacheManager
        with CacheManager(folder=sys.argv[1], l3_mb=1, key=bytes(32)) as cache:
            output = BaseModelOutput(last_hidden_state=torch.ones(3))
            assert cache.put(b"k", output, workspace="a", version="v")
            assert cache.put(b"l", {"x": torch.ones(3)}, workspace="a", version="v")
    """
    reader = """if True:
        import sys
        from inference.engine import CacheManager
        with CacheManager(folder=sys.argv[1], l3_mb=1, key=bytes(32)) as cache:
            assert "transformers" not in sys.modules
            assert cache.get(b"k", workspace="a", version="v") is None
            assert cache.get(b"l", workspace="a", version="v") is not None
            assert cache.stats().torn == 0
    """
    for code in (writer, reader):
        subprocess.run([sys.executable, "-c", code, str(tmp_path / "l3")], check=True)
