"""The system's C++ compiler: sources to a shared object under the hash of all that went into it."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from compiler.backends.cpu.isa import Variant

KERNELS = Path(__file__).parent / "kernels"
STANDARD = ("-std=c++17", "-fPIC", "-shared", "-pthread", "-fvisibility=hidden")
# Contraction to fused multiply-add is the one licence taken with floats: NaN, infinities and the order of sums are as written.
# The same memory is bytes, halves and words to different kernels, which the aliasing rules of C++ do not foresee.
OPTIMIZE = ("-O3", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-fno-strict-aliasing")
QUIET = ("-w",)
CANDIDATES = ("g++", "c++", "clang++")
TIMEOUT = 600.0
SEALED = "sealed"
"""A file of this name says that what a folder holds was proven as it is: nothing is compiled there, and no compiler is needed."""
_SHOWN = 2000


class ToolchainError(RuntimeError):
    """Nothing could be compiled or loaded; the message says what to do. The reference backend serves meanwhile."""


@dataclass(frozen=True, slots=True)
class Compiler:
    command: tuple[str, ...]
    version: str
    """What `--version` prints first: part of every key."""


def find_compiler() -> Compiler:
    """$CXX where it is set, else the first of g++, c++ and clang++. Raises ToolchainError."""
    wanted = os.environ.get("CXX", "").strip()
    if wanted:
        return _inspect(tuple(shlex.split(wanted)), "CXX names it")
    for name in CANDIDATES:
        if shutil.which(name):
            return _inspect((name,), "it was found on PATH")
    raise ToolchainError(
        f"no C++ compiler: none of {', '.join(CANDIDATES)} is on PATH. Install one (Debian and Ubuntu: apt install g++), or "
        "name one in CXX"
    )


def build(
    sources: Mapping[str, str],
    folder: Path,
    variant: Variant,
    compiler: Compiler | None = None,
    include: Path = KERNELS,
    knobs: Mapping[str, int] | None = None,
) -> Path:
    """The shared object of `sources` {file name: C++ text} for one instruction set, compiled where `folder` does not have it yet.

    Sources may include the headers of `include`, whose macros `knobs` sets, such as MATMUL_AHEAD. Several processes may build
    at once: each writes a file of its own and the last to finish takes the name, with the same content. The folder is the
    caller's to keep and to erase; nothing outside it is written. From one that is `SEALED` comes what some compiler made of just
    these sources, or nothing. Raises ToolchainError.
    """
    defined = (f"-D{name}={value}" for name, value in sorted((knobs or {}).items()))
    flags = (*STANDARD, *OPTIMIZE, *variant.flags, *defined, *QUIET)
    called = f"{variant.name}-{_key(sources, flags, include)}"
    if (folder / SEALED).exists():
        return _kept(folder, called)
    compiler = compiler or find_compiler()
    target = folder / f"{called}-{_hash(compiler.version, *compiler.command)}.so"
    if target.exists():
        return target
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".building-", dir=folder) as work:
            made = _compile(sources, Path(work), compiler, flags, include)
            os.replace(made, target)
    except OSError as error:
        raise ToolchainError(_storage(folder, error)) from error
    return target


def load(path: Path) -> ctypes.CDLL:
    """Opens a shared object. Raises ToolchainError where it is damaged or of another machine."""
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise ToolchainError(
            f"{path} cannot be loaded: {error}. Delete it to have it compiled again; if that does not help, its folder may "
            "be mounted noexec"
        ) from error


@lru_cache(maxsize=8)
def _inspect(command: tuple[str, ...], why: str) -> Compiler:
    try:
        shown = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise ToolchainError(
            f"the C++ compiler {shlex.join(command)} does not run ({why}): {error}. Install it or name another in CXX"
        ) from error
    return Compiler(command, shown.stdout.split("\n", 1)[0])


def _kept(folder: Path, called: str) -> Path:
    found = sorted(folder.glob(f"{called}-*.so"))
    if not found:
        raise ToolchainError(
            f"{folder} holds no code for what this release would compile: compile the model again with this release"
        )
    return found[0]


def _key(sources: Mapping[str, str], flags: tuple[str, ...], include: Path) -> str:
    headers = {path.name: path.read_text() for path in include.glob("*.h")}
    return _hash(*flags, *_flat(headers), *_flat(sources))


def _hash(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        # Lengths keep parts apart whatever they contain.
        digest.update(f"{len(part)}:{part}".encode())
    return digest.hexdigest()[:32]


def _flat(files: Mapping[str, str]) -> list[str]:
    return [part for name in sorted(files) for part in (name, files[name])]


def _compile(sources: Mapping[str, str], work: Path, compiler: Compiler, flags: tuple[str, ...], include: Path) -> Path:
    for name, text in sources.items():
        (work / name).write_text(text)
    made = work / "made.so"
    units = [str(work / name) for name in sources if not name.endswith(".h")]
    command = [*compiler.command, *flags, f"-I{include}", f"-I{work}", *units, "-o", str(made)]
    try:
        # The compiler's own intermediate files stay inside the folder, too.
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
            env={**os.environ, "TMPDIR": str(work)},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolchainError(
            f"{compiler.version} did not finish within {TIMEOUT:.0f} s; the machine is overloaded or out of memory"
        ) from error
    if done.returncode != 0 or not made.exists():
        raise ToolchainError(_failure(compiler, done.returncode, done.stderr, work))
    with made.open("rb") as file:
        os.fsync(file.fileno())
    return made


def _failure(compiler: Compiler, status: int, errors: str, work: Path) -> str:
    if os.strerror(errno.ENOSPC) in errors:
        return f"the disk of {work.parent} is full: free some space, or give another folder"
    if status < 0 or "Killed signal" in errors:
        return f"{compiler.version} was killed; compiling the kernels takes about 500 MB of memory: free some"
    return (
        f"{compiler.version} failed with status {status}. GCC 10 is the oldest that knows all instruction sets; a newer "
        f"compiler can be named in CXX. It said: {errors.strip()[-_SHOWN:]}"
    )


def _storage(folder: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk of {folder} is full: free some space, or give another folder"
    return f"{folder} cannot be written to: {error.strerror}. Give a folder that this process may write to"
