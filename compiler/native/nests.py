"""Loop nests: a value computed element by element into memory, its outer dimensions dealt out to the threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

import torch

from compiler.elements.places import Index, broadcast, offset, term
from compiler.ir.size import Shape, Size, product
from compiler.ir.value import Value
from compiler.native.expressions import CppElements, computed
from compiler.native.storage import NotNative, Storage

Lines = list[str]


def stored(value: Value, target: str, storage: Storage) -> Lines:
    """Every element of `value` to `target`, one row after another."""
    shape = value.shape
    outer, last = shape[:-1], shape[-1] if shape else 1
    elements = CppElements(storage)
    places = CppElements.spread("outer", outer) + (("i",) if shape else ())
    name = elements.at(value, places)
    place = f"{target}[{offset(places, shape)}]"
    return [*_shared(outer), *_each(last, elements, _put(place, name, value.dtype)), "  }}"]


def written(write: Value, storage: Storage) -> Lines:
    """The content of a `write` to its places in the cache; a place that the cache does not have is left out."""
    state, places, content = write.args
    shape, dim = content.shape, write["dim"]
    outer, last = shape[:-1], shape[-1]
    index = (*CppElements.spread("outer", outer), "i")
    whither, elements = CppElements(storage, "w"), CppElements(storage)
    place = whither.at(places, (index[dim],))
    name = elements.at(content, index)
    target = f"{storage.pointer(state)}[{offset((*index[:dim], place, *index[dim + 1 :]), state.shape)}]"
    is_there = f"{place} >= 0 && {place} < {term(state.axis(dim))}"
    put = _put(target, name, state.dtype)
    if dim == len(shape) - 1:
        elements.statements[:0] = whither.statements
        return [*_shared(outer), *_each(last, elements, f"if ({is_there}) {put}"), "  }}"]
    before = [f"    {line}" for line in (*whither.statements, f"if (!({is_there})) continue;")]
    return [*_shared(outer), *before, *_each(last, elements, put), "  }}"]


def multiplied(value: Value, target: str, storage: Storage) -> Lines:
    """A product of matrices of which neither is a weight, each of its elements a sum."""
    one, other = value.args
    shape, inner = value.shape, one.axis(-1)
    places = (*CppElements.spread("outer", shape[:-1]), "i")
    left, right = (*places[:-1], "k"), (*places[:-2], "k", "i")
    elements = CppElements(storage)
    names = [elements.at(arg, broadcast(index, arg.shape)) for arg, index in ((one, left), (other, right))]
    return [
        *_shared(shape[:-1]),
        f"    for (long i = 0; i < {term(shape[-1])}; i++) {{",
        f"      {computed(value.dtype)} sum = 0;",
        f"      for (long k = 0; k < {term(inner)}; k++) {{",
        *(f"        {line}" for line in elements.statements),
        f"        sum += {names[0]} * {names[1]};",
        "      }",
        f"      {_put(f'{target}[{offset(places, shape)}]', 'sum', value.dtype)}",
        "    }}}",
    ]


def reduced(value: Value, target: str, storage: Storage) -> Lines:
    """A reduction, to `target`. Raises NotNative for one that is not known here."""
    if value.op in ("softmax", "cumsum"):
        return _along(value, target, storage)
    if value.op not in _REDUCTIONS:
        raise NotNative(f"there is no generated code for {value.op}")
    source = value.args[0]
    shape = source.shape
    dims = value["dims"] if "dims" in value.attributes else (value["dim"],)
    inner = [dim % len(shape) for dim in dims]
    kept = [dim for dim in range(len(shape)) if dim not in inner]
    outer = tuple(shape[dim] for dim in kept)
    elements = CppElements(storage)
    index = dict(zip(kept, CppElements.spread("outer", outer), strict=True)) | {dim: f"i{dim}" for dim in inner}
    name = elements.at(source, tuple(index[dim] for dim in range(len(shape))))
    start, step, end = _REDUCTIONS[value.op]
    how_many = term(product(shape[dim] for dim in inner))
    place = f"i{inner[0]}" if inner else "0"
    return [
        *_shared(outer),
        f"    {computed(source.dtype)} best = {start}; int64_t where = 0; (void)where;",
        *(f"    for (long i{dim} = 0; i{dim} < {term(shape[dim])}; i{dim}++) {{" for dim in inner),
        *(f"      {line}" for line in elements.statements),
        f"      {step.format(name, place)}",
        "    " + "}" * len(inner),
        f"    {_put(f'{target}[outer]', end.format(how_many), value.dtype)}",
        "  }}",
    ]


_REDUCTIONS: Mapping[str, tuple[str, str, str]] = {
    "sum": ("0", "best += {0};", "best"),
    "mean": ("0", "best += {0};", "best / (float){0}"),
    "amax": ("-INFINITY", "best = larger(best, {0});", "best"),
    "amin": ("INFINITY", "best = lesser(best, {0});", "best"),
    # The first of the largest, as torch has it on a CPU; what is no number is larger than any.
    "argmax": ("-INFINITY", "if (!(best != best) && ({0} > best || {0} != {0})) best = {0}, where = {1};", "where"),
}
"""What an accumulator begins with, how an element joins it, and what is stored."""


def _along(value: Value, target: str, storage: Storage) -> Lines:
    """A softmax or a running sum along one dimension."""
    source, dim = value.args[0], value["dim"]
    shape = value.shape
    outer = (*shape[:dim], *shape[dim + 1 :])
    places = CppElements.spread("outer", outer)
    index: Index = (*places[:dim], "i", *places[dim:])

    def loop(body: Callable[[str], str]) -> Lines:
        elements = CppElements(storage)
        line = body(elements.at(source, index))
        each = [f"      {statement}" for statement in elements.statements]
        return [f"    for (long i = 0; i < {term(shape[dim])}; i++) {{", *each, f"      {line}", "    }"]

    out = f"{target}[{offset(index, shape)}]"
    if value.op == "cumsum":
        return [
            *_shared(outer),
            f"    {computed(value.dtype)} sum = 0;",
            *loop(lambda name: f"{out} = sum += {name};"),
            "  }}",
        ]
    return [
        *_shared(outer),
        "    float top = -INFINITY, sum = 0;",
        *loop(lambda name: f"top = larger(top, {name});"),
        "    if (top == -INFINITY) top = NAN;  // nothing is left to weigh",
        *loop(lambda name: f"const float w = std::exp({name} - top); {out} = w; sum += w;"),
        f"    for (long i = 0; i < {term(shape[dim])}; i++) {out} /= sum;",
        "  }}",
    ]


_IN_STEP = "#pragma GCC ivdep"
"""No element is made of another that the same loop puts down: a result lies over an argument only where each reads its own."""


def _each(last: Size, elements: CppElements, body: str) -> Lines:
    """`body` for every i below `last`, in a loop from one turn to the next: a compiler makes vectors of what has no conditions."""
    turns = sorted(turn for turn in elements.turns if isinstance(last, int) and turn < last)
    lines = []
    for start, end in pairwise([0, *turns, last]):
        lines += [_IN_STEP, f"    for (long i = {start}; i < {term(end)}; i++) {{"]
        lines += [*(f"      {line}" for line in elements.statements), f"      {body}", "    }"]
    return lines


def _shared(outer: Shape) -> Lines:
    return [
        "  {",
        f"    const Range mine = team.share({term(product(outer))});",
        "    for (long outer = mine.begin; outer < mine.end; outer++) {",
    ]


def _put(place: str, name: str, dtype: torch.dtype) -> str:
    return f"{place} = half({name});" if dtype == torch.bfloat16 else f"{place} = {name};"
