from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import process_time, sleep

import pytest
import torch

from compiler.backends.cpu.bindings import pointer
from compiler.backends.cpu.library import Library

BARRIERS = 200


def counted(library: Library, barriers: int = BARRIERS) -> tuple[torch.Tensor, torch.Tensor]:
    totals, parts = torch.zeros(barriers, dtype=torch.int64), torch.zeros(library.threads, dtype=torch.int64)
    library.native.pool_count(library.pool, barriers, pointer(totals), pointer(parts))
    return totals, parts


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("spins", [0, 2000])
def test_barriers_hold_every_thread(kernels_folder: Path, threads: int, spins: int) -> None:
    library = Library(kernels_folder, threads=threads, spins=spins)

    totals, parts = counted(library)

    library.close()
    assert totals.tolist() == [threads * (threads + 1) // 2] * BARRIERS
    assert parts.sum() == BARRIERS
    assert parts.max() - parts.min() <= 1


def test_calls_from_several_threads_take_turns(best: Library) -> None:
    with ThreadPoolExecutor(4) as callers:
        results = list(callers.map(lambda _: counted(best)[0], range(40)))

    assert all((totals == 3).all() for totals in results)


def test_a_waiting_pool_uses_no_processor(best: Library) -> None:
    counted(best)
    sleep(0.05)

    before = process_time()
    sleep(0.5)

    assert process_time() - before < 0.1


def test_a_forked_child_does_all_parts_itself(best: Library) -> None:
    counted(best)

    child = os.fork()
    if child == 0:
        totals, _ = counted(best)
        os._exit(0 if (totals == 1).all() else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_what_makes_no_pool_is_refused(kernels_folder: Path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Library(kernels_folder, threads=0)
