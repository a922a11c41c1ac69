from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
import torch
from transformers.modeling_outputs import BaseModelOutputWithPooling

from inference.engine import CacheError, CacheManager
from tests.inference.engine.library.caches import KIB, V, value


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


def test_a_quota_counts_what_sealing_adds(opened: Callable[..., CacheManager]) -> None:
    quota = 5 * 1024
    cache = opened(l1_mb=3 * KIB, l2_mb=3 * KIB, l3_mb=6 * KIB, quotas_mb={"a": quota * KIB / 1024})
    assert cache.put(b"k", value(1, 657), workspace="a", version="v1", level="l1")
    cache.put(b"k", value(2, 529), workspace="a", version="v2", level="l3")

    assert 0 < sum(cache.usage("a").values()) <= quota


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


def test_a_value_with_payload_outside_of_tensors_is_not_kept(opened: Callable[..., CacheManager]) -> None:
    cache = opened()

    assert not cache.put(b"k", {"label": "positive"}, workspace="a", version=V)
    assert not cache.put(b"k", value(1).to_sparse(), workspace="a", version=V)
    assert cache.stats().refused == 2
