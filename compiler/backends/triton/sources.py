"""The file of a launch: everything that it runs, readable, under a name that is a hash of what it says.

Triton compiles functions from their source, so they must lie in a file. It is whole: what a template uses of its neighbours is
copied beside it, and the launch's constants stand below it. Launches that are alike share a file, as a network's layers do.
"""

from __future__ import annotations

import ast
import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

TEMPLATES = Path(__file__).with_name("kernels")
_HEAD = '''"""{title}

Made by the compiler. The name of this file is a hash of its content.
"""

import triton
import triton.language as tl
'''

Constant = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Source:
    entry: str
    """The name of the kernel."""
    text: str

    @property
    def name(self) -> str:
        """Of the file, without a folder."""
        return f"{self.entry}_{sha256(self.text.encode()).hexdigest()[:16]}.py"

    def write(self, folder: Path) -> Path:
        """Puts the file into `folder` unless it is there as it should be; whole or not at all. Raises OSError."""
        path = folder / self.name
        if not path.exists() or path.read_text() != self.text:
            folder.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_suffix(f".{os.getpid()}")
            unfinished.write_text(self.text)
            unfinished.replace(path)
        return path


def from_template(entry: str, title: str, constants: Mapping[str, Constant]) -> Source:
    """Kernel `entry` of the templates, with what it uses."""
    functions = _functions()
    needed: dict[str, None] = {}
    _gather(entry, functions, needed)
    body = "\n\n\n".join(functions[name] for name in needed)
    return Source(entry, f"{_HEAD.format(title=title)}\n\n{body}\n\n\n{_constants(constants)}")


def generated(entry: str, title: str, body: str) -> Source:
    """Kernel `entry` of generated code."""
    return Source(entry, f"{_HEAD.format(title=title)}\n\n{body}\n")


def load(source: Source, folder: Path) -> Any:
    """The kernel, from its file in `folder`; one object for all that ask for the same file. Raises OSError, ImportError."""
    return getattr(_module(source.write(folder)), source.entry)


@cache
def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def _functions() -> Mapping[str, str]:
    """The source of every function of the templates, by its name."""
    found: dict[str, str] = {}
    for path in sorted(TEMPLATES.glob("*.py")):
        text = path.read_text()
        lines = text.splitlines()
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef):
                if node.name in found:
                    raise ValueError(f"two templates are called {node.name}")
                first = min(decorator.lineno for decorator in node.decorator_list)
                found[node.name] = "\n".join(lines[first - 1 : node.end_lineno])
    return found


def _gather(name: str, functions: Mapping[str, str], needed: dict[str, None]) -> None:
    """Adds `name` to `needed`, after what it calls."""
    for other in _names(functions[name]):
        if other != name and other in functions and other not in needed:
            _gather(other, functions, needed)
    needed[name] = None


@cache
def _names(text: str) -> tuple[str, ...]:
    """Of what it calls. Kept, for a plan asks of the same templates at every launch."""
    calls = (node.func for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    return tuple(function.id for function in calls if isinstance(function, ast.Name))


def _constants(constants: Mapping[str, Constant]) -> str:
    lines = [f"    {name!r}: {value!r}," for name, value in constants.items()]
    return "\n".join(["CONSTANTS = {", *lines, "}", ""]).replace("'", '"')
