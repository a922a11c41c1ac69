"""torch.export's program as a graph of values."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from threading import Lock
from typing import Any

import torch
from torch import fx, nn
from torch.export import Dim, ExportedProgram, export
from torch.export.graph_signature import InputKind, OutputKind
from torch.utils._pytree import TreeSpec

from compiler.frontend.aten import TABLE, Translated
from compiler.ir.graph import Graph
from compiler.ir.op import Illegal
from compiler.ir.ops import make
from compiler.ir.ops.opaque import Place
from compiler.ir.program import Program
from compiler.ir.size import NotDivisible, Polynomial, Size, divided, product, symbol
from compiler.ir.value import TensorType, TupleType, Type, Value
from compiler.ir.verify import Broken, verify

Dynamic = Mapping[str, Mapping[int, str]]
"""Of an input's dimension the symbol that its size is; all others are as in the example."""
_exporting = Lock()
"""torch.export is not for several threads at once."""


class Unsupported(ValueError):
    """The module cannot be compiled; the message says what is in the way and what would help."""


@dataclass(frozen=True)
class Captured:
    program: Program
    structure: TreeSpec
    """How the module puts its outputs together: a tensor alone, a tuple, a dictionary of lists."""


def capture(
    module: nn.Module,
    example: Sequence[torch.Tensor],
    *,
    dynamic: Dynamic | None = None,
    limits: Mapping[str, int] | None = None,
) -> Program:
    """What `module` does to inputs like `example`. `limits` are of symbols that cannot be of any size. Raises Unsupported."""
    return captured(module, example, dynamic=dynamic, limits=limits).program


def captured(
    module: nn.Module,
    example: Sequence[torch.Tensor],
    *,
    dynamic: Dynamic | None = None,
    limits: Mapping[str, int] | None = None,
) -> Captured:
    """The same, with the structure of the outputs, which a graph does not have. Raises Unsupported."""
    names = _parameters(module, len(example))
    made = {
        size: Dim(size, max=(limits or {}).get(size)) for sizes in (dynamic or {}).values() for size in sizes.values()
    }
    dims = {name: {dim: made[size] for dim, size in (dynamic or {}).get(name, {}).items()} for name in names}
    try:
        with _exporting, torch.no_grad():
            program = export(
                module.eval(),
                tuple(example),
                dynamic_shapes={name: sizes or None for name, sizes in dims.items()},
                strict=False,
            )
            program = program.run_decompositions({})
    except Exception as error:  # torch raises kinds of its own for what it cannot export
        raise Unsupported(_explained(error)) from error
    found = _Importer(program, dims).captured()
    try:
        verify(found.graph)
    except Broken as error:
        raise Unsupported(
            f"a buffer changes otherwise than by index_copy_ ({error}); write to its places, or return it"
        ) from error
    return Captured(found, program.call_spec.out_spec)


def _parameters(module: nn.Module, count: int) -> list[str]:
    return list(signature(module.forward).parameters)[:count]


def _explained(error: Exception) -> str:
    first = str(error).strip().partition("\n")[0]
    remedy = (
        "a size that has a limit, as that of a table of positions, has to be said to have it"
        if "Constraints violated" in first
        else "a step that depends on values, as `if x.sum() > 0` does, has to become torch.where or move out of the module"
    )
    return f"torch.export could not follow the module ({type(error).__name__}: {first}); {remedy}"


class _Importer:
    def __init__(self, program: ExportedProgram, dims: Mapping[str, Mapping[int, Any]]) -> None:
        self._program = program
        self._env: dict[fx.Node, Any] = {}
        self._symbols: dict[str, Size] = {}
        self._dims = dims
        self._draws = 0

    def captured(self) -> Program:
        signature = self._program.graph_signature
        nodes = {node.name: node for node in self._program.graph.nodes}
        changed = {spec.target for spec in signature.output_specs if spec.kind is not OutputKind.USER_OUTPUT}
        kinds = {InputKind.PARAMETER: "weight", InputKind.BUFFER: "weight", InputKind.CONSTANT_TENSOR: "weight"}
        tensors = {**self._program.state_dict, **self._program.constants}
        inputs: list[Value] = []
        weights: dict[str, torch.Tensor] = {}
        states: dict[str, torch.Tensor] = {}
        for spec in signature.input_specs:
            node = nodes[spec.arg.name]
            name = spec.target or node.name
            if spec.kind is InputKind.USER_INPUT:
                self._name_symbols(node)
            type_ = self._type(node.meta["val"])
            op = "state" if name in changed else kinds.get(spec.kind, "input")
            value = make(op, name=name, type=type_)
            self._env[node] = value
            if op == "input":
                inputs.append(value)
            elif spec.kind is not InputKind.USER_INPUT:
                (states if op == "state" else weights)[name] = tensors[name]
        outputs, last = [], {}
        for node in self._program.graph.nodes:
            if node.op == "call_function":
                self._env[node] = self._translated(node)
            elif node.op == "output":
                for spec, result in zip(signature.output_specs, node.args[0], strict=True):
                    if not isinstance(result, fx.Node):
                        raise Unsupported(f"one of the outputs is {result!r}: only tensors are computed, leave it out")
                    if spec.kind is OutputKind.USER_INPUT_MUTATION:
                        raise Unsupported(f"the module writes to its input {spec.target}; keep that in a buffer")
                    if spec.kind is OutputKind.USER_OUTPUT:
                        outputs.append(self._env[result])
                    else:
                        last[str(spec.target)] = self._env[result]
        return Program(Graph(tuple(inputs), tuple(outputs), last), weights, states)

    def _name_symbols(self, node: fx.Node) -> None:
        for dim, size in self._dims.get(node.name, {}).items():
            actual = node.meta["val"].shape[dim]
            if not isinstance(actual, int):
                self._symbols[str(actual.node.expr)] = symbol(size.__name__)

    def _translated(self, node: fx.Node) -> Any:
        target = node.target
        if target is operator.getitem:
            return self._env[node.args[0]][node.args[1]]  # type: ignore[index]  # an operator of several results
        args: Any = fx.map_arg(node.args, lambda each: self._env[each])
        named: Any = fx.map_arg(node.kwargs, lambda each: self._env[each])
        if target in _SIZES:
            return _SIZES[target](*args)
        if not isinstance(target, torch._ops.OpOverload):
            raise Unsupported(f"{target} is neither an ATen operator nor arithmetic of sizes")
        name = target.name().partition("::")[2].partition(".")[0]
        if name == "sym_size":
            return args[0].axis(args[1])
        if node.meta.get("val") is None:
            return None  # an assertion about what torch.export has checked
        if name == "exponential":
            self._draws += 1
            return make("exponential", shape=args[0].shape, number=self._draws)
        wanted = self._type(node.meta["val"])
        try:
            found = TABLE[name](*args, **named)
        except (KeyError, Illegal, NotDivisible, TypeError):
            return self._opaque(target, args, named, wanted)
        return found if _type_of(found) == wanted else self._opaque(target, args, named, wanted)

    def _opaque(self, target: Any, args: Sequence[Any], named: Mapping[str, Any], type_: Type) -> Translated:
        values: list[Value] = []

        def placed(part: Any) -> Any:
            if isinstance(part, Value):
                values.append(part)
                return Place(len(values) - 1)
            if isinstance(part, Polynomial) or not isinstance(part, list | tuple):
                return part
            return tuple(map(placed, part))

        layout = tuple(map(placed, args)), tuple((name, placed(part)) for name, part in sorted(named.items()))
        # torch.ops finds it again by this name.
        made = make("opaque", *values, target=str(target), layout=layout, type=type_)
        if isinstance(type_, TupleType):
            return tuple(make("item", made, number=number) for number in range(len(type_.items)))
        return made

    def _type(self, seen: Any) -> Type:
        if isinstance(seen, list | tuple):
            return TupleType(tuple(self._type(each) for each in seen))  # type: ignore[misc]  # results are tensors
        return TensorType(tuple(map(self._size, seen.shape)), seen.dtype)

    def _size(self, size: Any) -> Size:
        """A size as torch has it, with our names for its symbols. Raises Unsupported."""
        if isinstance(size, int):
            return size
        return self._polynomial(size.node.expr)

    def _polynomial(self, expression: Any) -> Size:
        if expression.is_Integer:
            return int(expression)
        if expression.is_Symbol:
            return self._symbols.setdefault(str(expression), symbol(str(expression)))
        if expression.is_Add:
            total: Size = 0
            for part in expression.args:
                total = total + self._polynomial(part)
            return total
        if expression.is_Mul:
            return product(map(self._polynomial, expression.args))
        raise Unsupported(
            f"a size is {expression}: only sums and products of given sizes are known; fix that dimension"
        )


def _type_of(found: Translated) -> Type:
    return TupleType(tuple(each.tensor for each in found)) if isinstance(found, tuple) else found.type


_SIZES = {
    operator.add: operator.add,
    operator.sub: operator.sub,
    operator.mul: operator.mul,
    operator.floordiv: divided,
}
