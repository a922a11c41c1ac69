from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers.modeling_outputs import BaseModelOutputWithPooling

from inference.engine import CacheError, CacheManager
from inference.engine.scrub import environment, wipes_freed
from tests.inference.engine.library.memory import runs_in_memory

KIB = 1 / 1024
V = "version-1"


def value(seed: int, floats: int = 200) -> Tensor:
    return torch.randn(floats, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., CacheManager]]:
    caches = []

    def make(**options: Any) -> CacheManager:
        cache = CacheManager(**{"folder": tmp_path / "l3", "l3_mb": 8, **options})
        caches.append(cache)
        return cache

    yield make
    for cache in caches:
        cache.close()


def files(tmp_path: Path) -> list[Path]:
    return sorted(path for path in (tmp_path / "l3").rglob("*.*") if path.is_file())


@pytest.mark.parametrize("level", ["l1", "l2", "l3"])
def test_a_value_comes_back_whole_from_every_level(opened: Callable[..., CacheManager], level: str) -> None:
    cache = opened()
    kept = {
        "logits": value(1).to(torch.bfloat16).view(10, 20),
        "mask": torch.tensor([True, False, True]),
        "scalar": torch.tensor(3, dtype=torch.int64),
        "parts": [value(2)[::3], (torch.empty(0, 4), None)],
    }

    assert cache.put(b"k", kept, workspace="a", version=V, level=level)
    found = cache.get(b"k", workspace="a", version=V, level=level)

    assert list(found) == list(kept)
    assert found["logits"].dtype is torch.bfloat16
    assert torch.equal(found["logits"], kept["logits"])  # type: ignore[arg-type]
    assert torch.equal(found["mask"], kept["mask"])  # type: ignore[arg-type]
    assert found["scalar"].item() == 3
    assert torch.equal(found["parts"][0], value(2)[::3])
    assert found["parts"][1][0].shape == (0, 4)
    assert found["parts"][1][1] is None
    assert cache.stats().levels[level].hits == 1


def test_what_a_caller_does_to_a_found_value_stays_with_the_caller(opened: Callable[..., CacheManager]) -> None:
    cache = opened()
    cache.put(b"k", value(1), workspace="a", version=V)
    cache.get(b"k", workspace="a", version=V).zero_()

    assert torch.equal(cache.get(b"k", workspace="a", version=V), value(1))


def test_workspaces_never_see_each_other_and_keys_mean_nothing_elsewhere(opened: Callable[..., CacheManager]) -> None:
    cache = opened()
    x = value(9)
    key = cache.key_for(x, workspace="a")
    for level, name in (("l1", b"1"), ("l2", b"2"), ("l3", b"3")):
        cache.put(key + name, value(1), workspace="a", version=V, level=level)

    for name in (b"1", b"2", b"3"):
        assert cache.get(key + name, workspace="b", version=V) is None
        assert cache.get(key + name, workspace="a", version="version-2") is None
        assert cache.get(key + name, workspace="a", version=V) is not None
    assert cache.key_for(x, workspace="b") != key
    assert cache.key_for(x.clone(), workspace="a") == key
    assert cache.key_for(x.to(torch.float64), workspace="a") != key
    assert cache.key_for(x.view(20, 10), workspace="a") != key
    assert cache.usage("b") == {"l1": 0, "l2": 0, "l3": 0}


def test_old_entries_sink_and_found_ones_rise(opened: Callable[..., CacheManager]) -> None:
    cache = opened(l1_mb=4 * KIB, l2_mb=4 * KIB)
    for i in range(12):
        cache.put(bytes([i]), value(i), workspace="a", version=V)
    before = cache.stats()

    assert [before.levels[name].entries for name in ("l1", "l2", "l3")] == [4, 4, 4]
    assert before.demotions == 12
    assert torch.equal(cache.get(bytes([0]), workspace="a", version=V, level="l3"), value(0))
    assert torch.equal(cache.get(bytes([0]), workspace="a", version=V, level="l1"), value(0))
    assert cache.stats().promotions == 1
    for i in range(12):
        assert torch.equal(cache.get(bytes([i]), workspace="a", version=V), value(i))


def test_a_busy_workspace_pushes_out_its_own_entries(opened: Callable[..., CacheManager]) -> None:
    cache = opened(l1_mb=8 * KIB, l2_mb=0, folder=None, l3_mb=0)
    cache.put(b"quiet", value(0), workspace="quiet", version=V)
    for i in range(100):
        cache.put(bytes([i]), value(i), workspace="busy", version=V)

    assert cache.get(b"quiet", workspace="quiet", version=V) is not None
    assert cache.get(bytes([99]), workspace="busy", version=V) is not None
    assert cache.get(bytes([0]), workspace="busy", version=V) is None


def test_a_quota_holds_over_all_levels_and_spares_the_others(opened: Callable[..., CacheManager]) -> None:
    cache = opened(l1_mb=4 * KIB, l2_mb=4 * KIB, workspace_quota_mb=6 * KIB, quotas_mb={"large": 64 * KIB})
    for i in range(20):
        for workspace in ("small", "large"):
            cache.put(bytes([i]), value(i), workspace=workspace, version=V)
            cache.get(bytes([i // 2]), workspace=workspace, version=V)
        assert sum(cache.usage("small").values()) <= 6 * 1024

    assert sum(cache.usage("large").values()) > 16 * 1024
    assert not cache.put(b"huge", value(1, 5000), workspace="small", version=V)
    assert cache.stats().refused == 1


def test_a_version_is_invalidated_at_every_level(opened: Callable[..., CacheManager]) -> None:
    cache = opened(key=bytes(32))
    for level in ("l1", "l2", "l3"):
        for version in ("old", "new"):
            cache.put(level.encode(), value(1), workspace="a", version=version, level=level)

    assert cache.invalidate(b"l1", workspace="a", version="new") == 1
    assert cache.invalidate(version="old") == 3
    assert cache.get(b"l3", workspace="a", version="old") is None
    assert cache.get(b"l3", workspace="a", version="new") is not None
    with pytest.raises(CacheError, match="belongs to a workspace and a version"):
        cache.invalidate(b"l2")


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


def test_a_quota_counts_what_sealing_adds(opened: Callable[..., CacheManager]) -> None:
    quota = 5 * 1024
    cache = opened(l1_mb=3 * KIB, l2_mb=3 * KIB, l3_mb=6 * KIB, quotas_mb={"a": quota * KIB / 1024})
    assert cache.put(b"k", value(1, 657), workspace="a", version="v1", level="l1")
    cache.put(b"k", value(2, 529), workspace="a", version="v2", level="l3")

    assert 0 < sum(cache.usage("a").values()) <= quota


def test_erasing_leaves_nothing_in_memory_nor_in_files() -> None:
    # In a process that wipes what it frees: other tests' heaps keep copies of anything.
    root = Path(__file__).parents[4]
    command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--noconftest", "-p", "no:cacheprovider"]
    child = subprocess.run(
        [
            *command,
            "-p",
            "no:django",
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


def test_many_threads_get_what_they_put(opened: Callable[..., CacheManager]) -> None:
    cache = opened(l1_mb=8 * KIB, l2_mb=8 * KIB)
    wrong: list[int] = []

    def work(number: int) -> None:
        for i in range(60):
            cache.put(bytes([i]), torch.full((100,), number * 100 + i), workspace=f"w{number}", version=V)
            found = cache.get(bytes([i // 2]), workspace=f"w{number}", version=V)
            if found is not None and found[0] != number * 100 + i // 2:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert cache.stats().hits > 0


@pytest.mark.parametrize("level", ["l1", "l3"])
def test_the_outputs_of_a_transformers_model_are_kept_as_what_they_are(
    opened: Callable[..., CacheManager], level: str
) -> None:
    cache = opened()
    output = BaseModelOutputWithPooling(last_hidden_state=value(1).view(20, 10), pooler_output=value(2))
    cache.put(b"k", output, workspace="a", version=V, level=level)
    found = cache.get(b"k", workspace="a", version=V)

    assert isinstance(found, BaseModelOutputWithPooling)
    assert torch.equal(found.last_hidden_state, value(1).view(20, 10))
    assert found.attentions is None


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


def test_a_value_with_payload_outside_of_tensors_is_not_kept(opened: Callable[..., CacheManager]) -> None:
    cache = opened()

    assert not cache.put(b"k", {"label": "positive"}, workspace="a", version=V)
    assert not cache.put(b"k", value(1).to_sparse(), workspace="a", version=V)
    assert cache.stats().refused == 2
