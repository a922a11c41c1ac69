"""Steps that a folder keeps: made once, read as they were made, and made again where they are not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from compiler.artifact import kept as keeping
from compiler.artifact.kept import KEPT, kept
from compiler.artifact.step_folder import STEP, WEIGHTS
from compiler.backends.cpu.library import Library
from compiler.frontend.exported import capture
from compiler.native.native import Compiled, build
from compiler.native.source import Source, source_of
from compiler.passes.manager import for_processor, optimized
from tests.compiler.frontend.test_exported import BOTH, Toy

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


class Maker:
    """Makes a step, and counts how often it was asked to."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Source:
        self.calls += 1
        torch.manual_seed(5)
        program = capture(Toy(), (torch.tensor([1, 2, 3]), torch.tensor([0, 1, 2])), dynamic=BOTH)
        return source_of(for_processor(optimized(program)), {"B": 12})


@pytest.fixture
def make() -> Maker:
    return Maker()


def only(folder: Path) -> Path:
    [subject] = (folder / KEPT).iterdir()
    [address] = subject.iterdir()
    return address


def test_a_second_start_makes_nothing_and_computes_the_same(
    make: Maker, tmp_path: Path, library: Library, compiled: Path
) -> None:
    first, second = (kept(tmp_path, "one", (), make) for _ in range(2))

    assert make.calls == 1
    assert first.unsaved == second.unsaved == ""
    meant = make()
    found = [
        Compiled(each.step, each.weights, library, build(each.text, compiled, library.variant))
        for each in (meant, second)
    ]
    inputs = torch.arange(7), torch.arange(7) + 3
    caches = [{"cache": torch.randn(16, 8, generator=torch.Generator().manual_seed(1))} for _ in found]
    outputs = [step(inputs, cache) for step, cache in zip(found, caches, strict=True)]
    assert all(map(torch.equal, *outputs))
    assert torch.equal(caches[0]["cache"], caches[1]["cache"])


def test_weights_lie_in_the_file_and_not_in_memory_of_their_own(make: Maker, tmp_path: Path) -> None:
    held = kept(tmp_path, "one", (), make)

    lines = Path("/proc/self/maps").read_text().splitlines()
    mapped = [line.split()[0] for line in lines if line.endswith(str(only(tmp_path) / WEIGHTS))]
    places = [tuple(int(end, 16) for end in each.split("-")) for each in mapped]
    for tensor in held.weights:
        assert tensor.data_ptr() % 64 == 0
        assert any(first <= tensor.data_ptr() < past for first, past in places)


@pytest.mark.parametrize("file", [WEIGHTS, STEP, "manifest.json"])
def test_what_is_damaged_is_made_again(make: Maker, tmp_path: Path, file: str) -> None:
    kept(tmp_path, "one", (), make)
    damaged = only(tmp_path) / file
    content = bytearray(damaged.read_bytes())
    content[-2] ^= 1
    damaged.write_bytes(content)

    held = kept(tmp_path, "one", (), make)

    assert make.calls == 2
    assert held.unsaved == ""
    kept(tmp_path, "one", (), make)
    assert make.calls == 2


def test_what_other_code_made_is_made_again_and_then_removed(make: Maker, tmp_path: Path) -> None:
    code = tmp_path / "code.py"
    code.write_text("one = 1")
    kept(tmp_path, "one", (code,), make)
    kept(tmp_path, "other", (code,), make)
    code.write_text("one = 2")
    keeping.release_of.cache_clear()

    kept(tmp_path, "one", (code,), make)

    assert make.calls == 3
    assert sorted(len(list(subject.iterdir())) for subject in (tmp_path / KEPT).iterdir()) == [1, 1]


def test_a_folder_that_cannot_be_written_to_keeps_nothing_and_the_step_is_in_memory(
    make: Maker, tmp_path: Path
) -> None:
    (tmp_path / KEPT).write_text("a file")

    held = kept(tmp_path, "one", (), make)

    assert "cannot be written to" in held.unsaved
    assert all(map(torch.equal, held.weights, make().weights))


class Declined(ValueError):
    """There will be no step."""


class Decliner:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Source:
        self.calls += 1
        raise Declined("too coarse by far")


def declined(folder: Path, make: Decliner) -> None:
    with pytest.raises(Declined, match="too coarse by far"):
        kept(folder, "one", (), make, Declined)


def test_what_was_declined_is_not_asked_for_again_unless_by_other_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Maker
) -> None:
    decliner = Decliner()
    for _ in range(2):
        declined(tmp_path, decliner)
    assert decliner.calls == 1

    monkeypatch.setattr(keeping, "release_of", lambda *made_by: "another")
    declined(tmp_path, decliner)
    assert decliner.calls == 2
    assert kept(tmp_path, "another subject", (), make, Declined).unsaved == ""


def test_where_nothing_can_be_kept_or_read_it_is_asked_each_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    decliner = Decliner()
    for _ in range(2):
        declined(tmp_path / "file", decliner)
    assert decliner.calls == 2

    declined(tmp_path, decliner)
    [said] = (tmp_path / KEPT).glob("*/.declined")
    said.write_text("{")
    declined(tmp_path, decliner)
    assert decliner.calls == 4
