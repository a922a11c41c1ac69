from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from compiler.backends.cpu import isa, library
from compiler.backends.cpu.toolchain import SEALED, Compiler, ToolchainError, build, find_compiler, load

SOURCE = {"seven.cpp": 'extern "C" __attribute__((visibility("default"))) int seven() { return 7; }'}


def test_what_is_compiled_runs_and_is_compiled_once(tmp_path: Path) -> None:
    first = build(SOURCE, tmp_path, isa.GENERIC)
    written = first.stat().st_mtime_ns

    again = build(SOURCE, tmp_path, isa.GENERIC)

    assert load(first).seven() == 7
    assert (again, again.stat().st_mtime_ns) == (first, written)
    assert [path.name for path in tmp_path.iterdir()] == [first.name]


@pytest.mark.parametrize("variant", isa.compilable(), ids=lambda variant: variant.name)
def test_every_variant_compiles_whatever_this_machine_runs(kernels_folder: Path, variant: isa.Variant) -> None:
    made = library.compiled(kernels_folder, variant)

    assert made.name.startswith(variant.name + "-")
    assert made.stat().st_size > 10_000


def test_every_part_is_in_the_key(tmp_path: Path) -> None:
    headers, compiler = tmp_path / "headers", find_compiler()
    headers.mkdir()
    (headers / "a.h").write_text("// one")
    first = build(SOURCE, tmp_path, isa.GENERIC, compiler, headers)

    other_source = build({"seven.cpp": SOURCE["seven.cpp"] + "\n"}, tmp_path, isa.GENERIC, compiler, headers)
    other_flags = build(SOURCE, tmp_path, isa.Variant("generic", ("-O1",), None), compiler, headers)
    other_version = build(SOURCE, tmp_path, isa.GENERIC, Compiler(compiler.command, "another"), headers)
    other_knob = build(SOURCE, tmp_path, isa.GENERIC, compiler, headers, {"MATMUL_AHEAD": 4096})
    (headers / "a.h").write_text("// two")
    other_header = build(SOURCE, tmp_path, isa.GENERIC, compiler, headers)

    assert len({first, other_source, other_flags, other_version, other_knob, other_header}) == 6


def test_two_processes_at_once_do_not_corrupt_each_other(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4) as processes:
        made = set(processes.map(_build_in, [str(tmp_path)] * 4))

    assert len(made) == 1
    assert load(Path(made.pop())).seven() == 7
    assert len(list(tmp_path.iterdir())) == 1


def _build_in(folder: str) -> str:
    return str(build(SOURCE, Path(folder), isa.GENERIC))


def test_without_a_compiler_the_error_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ToolchainError, match=r"apt install g\+\+.*CXX"):
        find_compiler()


def test_a_wrong_name_in_cxx_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler -O9")

    with pytest.raises(ToolchainError, match="no-such-compiler -O9 does not run"):
        find_compiler()


def test_cxx_chooses_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "g++ -DCHOSEN")

    assert find_compiler().command == ("g++", "-DCHOSEN")


def test_a_source_that_fails_leaves_nothing_behind_and_says_why(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=r"failed with status 1(.|\n)*nonsense"):
        build({"bad.cpp": "nonsense;"}, tmp_path, isa.GENERIC)

    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_called_one(tmp_path: Path) -> None:
    # Given the device that is always full where the compiler writes
    script = tmp_path / "cxx"
    script.write_text('#!/bin/sh\n[ "$1" = --version ] && exec g++ --version\ncat /etc/passwd > /dev/full\n')
    script.chmod(0o700)

    with pytest.raises(ToolchainError, match=r"the disk of .* is full: free some space"):
        build(SOURCE, tmp_path / "made", isa.GENERIC, Compiler((str(script),), "full"))


def test_a_folder_that_cannot_be_made_is_called_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ToolchainError, match="Give a folder that this process may write to"):
        build(SOURCE, tmp_path / "file" / "made", isa.GENERIC)


def test_a_damaged_object_is_refused(tmp_path: Path) -> None:
    made = build(SOURCE, tmp_path, isa.GENERIC)
    os.truncate(made, 100)

    with pytest.raises(ToolchainError, match="Delete it to have it compiled again"):
        load(made)


def test_the_library_of_another_variant_has_its_instructions(kernels_folder: Path) -> None:
    lanes = {"generic": 4, "avx2": 8, "avx512": 16, "avx512_bf16": 16}
    found = {variant.name: load(library.compiled(kernels_folder, variant)).lanes() for variant in isa.runnable()}

    assert found == {name: lanes[name] for name in found}


def test_the_compiler_package_knows_nothing_of_the_house() -> None:
    code = (
        "import sys, compiler.backends.cpu.library, compiler.backends.cpu.matmul; "
        "house = {'django', 'cell', 'audit', 'inference', 'workspaces'}; print(sorted(house & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_a_sealed_folder_gives_what_is_in_it_without_a_compiler_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = build(SOURCE, tmp_path, isa.GENERIC)
    (tmp_path / SEALED).touch()
    monkeypatch.setenv("CXX", "/nowhere/g++")

    assert build(SOURCE, tmp_path, isa.GENERIC) == made
    with pytest.raises(ToolchainError, match="compile the model again"):
        build({"seven.cpp": SOURCE["seven.cpp"] + "\n"}, tmp_path, isa.GENERIC)
