from __future__ import annotations

from pathlib import Path

from compiler.bench.memory import resident_bytes
from inference.engine.headroom import headroom_bytes


def test_a_process_holds_something_and_could_have_more() -> None:
    assert resident_bytes() > 10 << 20
    assert (headroom_bytes() or 0) > 10 << 20


def test_a_control_group_that_may_have_less_decides(tmp_path: Path) -> None:
    (tmp_path / "memory.current").write_text("700\n")
    for limit, left in (("1000\n", 300), ("500\n", 0)):
        (tmp_path / "memory.max").write_text(limit)
        assert headroom_bytes(tmp_path) == left
    (tmp_path / "memory.max").write_text("max\n")
    assert (headroom_bytes(tmp_path) or 0) > 10 << 20
