"""A group as C++: the kernel that it is built around, and what is done on its result."""

from __future__ import annotations

import torch

from compiler.elements.places import strides, term
from compiler.ir.size import product
from compiler.ir.value import Value
from compiler.native import nests
from compiler.native.expressions import CppElements
from compiler.native.packing import Packing
from compiler.native.rows import norm_of, rows_of
from compiler.native.storage import NotNative, Storage, c_type, name_of, number
from compiler.schedule.group import Group, Kind

Lines = list[str]
_ACTIVATIONS = {"gelu": "GELU", "gelu_tanh": "GELU_TANH", "relu": "RELU"}
_WORDS = {"bf16": "Bf16", "float": "Float"}
_GATES = {"silu": "SILU_GATE", "gelu_tanh": "GELU_TANH_GATE"}


class Launches:
    """Writes groups, one after another; `storage` knows where their inputs and outputs lie."""

    def __init__(self, storage: Storage, packing: Packing) -> None:
        self._storage, self._packing = storage, packing

    def group(self, group: Group) -> Lines:
        """Statements that every thread runs, with barriers between what needs each other. Raises NotNative."""
        self._storage.begin_launch()
        lines = self._written(group)
        self._storage.finish(group.outputs)
        return lines

    def _written(self, group: Group) -> Lines:
        if group.kind is Kind.LINEAR:
            return self._linear(group)
        if group.kind is Kind.ATTENTION:
            return self._attention(group)
        if group.kind is Kind.NORM:
            return self._norm(group)
        if group.kind in (Kind.REDUCTION, Kind.MATMUL):
            return self._reduction(group)
        if group.anchor.op == "sample":
            return self._sample(group)
        if group.kind in (Kind.LOOP, Kind.WRITE):
            return self._tail(group, group.values)
        raise NotNative(f"there is no generated code for {name_of(group.anchor)}")

    # What follows the anchor.

    def _tail(self, group: Group, values: tuple[Value, ...]) -> Lines:
        """Those of `values` that others need, each by loops of its own over what is in memory."""
        lines: Lines = []
        for value in values:
            if value.op == "write":
                lines += [*nests.written(value, self._storage), "  team.barrier();"]
                self._storage.pointers[value] = self._storage.pointer(value.args[0])
            elif value in self._storage:
                continue
            elif value in group.outputs:
                lines += nests.stored(value, self._storage.targets[value], self._storage)
            elif not CppElements.computes(value.op) and value.op != "rms_norm":
                raise NotNative(f"{value.op} cannot be computed one element at a time")
            elif value.op == "rms_norm":
                lines += [*self._normalized(value, self._place(value)), "  team.barrier();"]
        return lines

    def _place(self, value: Value) -> str:
        """Where `value` goes, to be read after a barrier: its buffer, or memory of this launch if nobody else needs it."""
        target = self._storage.targets.get(value) or self._storage.scratch("float", product(value.shape), 4)
        self._storage.pointers[value] = target
        return target

    def _result(self, group: Group) -> tuple[Value, str, tuple[Value, ...]]:
        """The value that the anchor's kernel can put straight where it belongs, that place, and what is left to do."""
        after = group.values[group.values.index(group.anchor) + 1 :]
        value = group.anchor
        left = list(after)
        while left and value not in group.outputs and _lies_alike(left[0]) and left[0].args[0] is value:
            value = left.pop(0)
        if value in group.outputs:
            self._storage.pointers[group.anchor] = self._storage.targets[value]
            return value, self._storage.targets[value], tuple(left)
        return group.anchor, self._place(group.anchor), after

    # Linear layers.

    def _linear(self, group: Group) -> Lines:
        linear = group.anchor
        if linear.op == "scaled_linear":
            raise NotNative("a processor multiplies bytes with bytes: quantize the activations as well")
        before = group.values[: group.values.index(linear)]
        columns = number(linear.axis(-1))
        lines, activations = rows_of(linear, linear.args[0] in before, self._storage)
        tail = group.values[len(before) + 1 :]
        fused = self._fused(group, tail)
        if fused is None:
            _, out, tail = self._result(group)
            kind, activation, residual = "float", "NONE", None
        else:
            kind, activation, residual, out = fused
            tail = ()
        gated = activation.endswith("GATE")
        packed = self._packing.weight(linear, gated=gated)
        width = columns // 2 if gated else columns
        bias = self._packing.bias(linear, gated=gated)
        target = f"{out}, {width}, {width}, {bias or 'nullptr'}, {residual or 'nullptr'}, nullptr"
        epilogue = f"Epilogue<{kind}, Activation::{activation}>{{{target}}}"
        lines += [f"  matmul({activations}, {packed.expression}, team.share({packed.tiles}), {epilogue});"]
        if tail:
            lines.append("  team.barrier();")
        return lines + self._tail(group, tail)

    def _fused(self, group: Group, tail: tuple[Value, ...]) -> tuple[str, str, str | None, str] | None:
        """Type, activation, residual and target, if the matrix product's own kernel does all that follows."""
        value, activation, residual = group.anchor, "NONE", None
        left = list(tail)
        while left:
            step = left.pop(0)
            others = [arg for arg in step.args if arg is not value]
            if value in group.outputs:
                return None
            if _lies_alike(step) and step.args[0] is value:
                value = step
            elif value.dtype == torch.bfloat16:
                return None
            elif step.op == "cast" and step.dtype == torch.bfloat16 and residual is None:
                value = step
            elif step.op in _ACTIVATIONS and activation == "NONE" and residual is None:
                activation, value = _ACTIVATIONS[step.op], step
            elif step.op == "gated" and step["activation"] in _GATES and activation == "NONE" and residual is None:
                activation, value = _GATES[step["activation"]], step
            elif step.op == "add" and value in step.args and len(others) == 1 and residual is None:
                if others[0].shape != step.shape or others[0] not in self._storage or others[0].dtype != torch.float32:
                    return None
                residual, value = self._storage.pointer(others[0]), step
            else:
                return None
        if value not in group.outputs or value.dtype not in (torch.float32, torch.bfloat16):
            return None
        return c_type(value), activation, residual, self._storage.targets[value]

    # Norms, reductions, attention.

    def _normalized(self, norm: Value, target: str) -> Lines:
        """Rows of `norm`, whose argument need not be in memory as it stands."""
        source, width = norm.args[0], number(norm.axis(-1))
        lines: Lines = []
        if source not in self._storage:
            place = self._storage.targets.get(source) or self._storage.scratch("float", product(source.shape), 4)
            lines += [*nests.stored(source, place, self._storage), "  team.barrier();"]
            self._storage.pointers[source] = place
        rows = product(norm.shape[:-1])
        row = f"(float*){self._storage.pointer(source)} + row * {width}"
        call = f"normalize({norm_of(norm, self._storage)}, {row}, nullptr, {target} + row * {width});"
        share = f"const Range rows = team.share({term(rows)});"
        return [*lines, f"  {{ {share} for (long row = rows.begin; row < rows.end; row++) {call} }}"]

    def _norm(self, group: Group) -> Lines:
        _, target, tail = self._result(group)
        lines = self._normalized(group.anchor, target)
        return lines + (["  team.barrier();", *self._tail(group, tail)] if tail else [])

    def _reduction(self, group: Group) -> Lines:
        anchor = group.anchor
        if anchor.op == "ragged_mean":
            return self._means(group)
        before = group.values[: group.values.index(anchor)]
        if before:
            raise NotNative("a reduction of what is computed in its own group")
        _, target, tail = self._result(group)
        written = nests.multiplied if group.kind is Kind.MATMUL else nests.reduced
        lines = written(anchor, target, self._storage)
        return lines + (["  team.barrier();", *self._tail(group, tail)] if tail else [])

    def _sample(self, group: Group) -> Lines:
        logits, shares, whole = (self._storage.pointer(arg) for arg in group.anchor.args)
        rows, vocabulary = group.anchor.args[0].shape
        _, target, tail = self._result(group)
        lines = [f"  draw_rows({logits}, {term(rows)}, {number(vocabulary)}, {shares}, {whole}, {target}, team);"]
        return lines + (["  team.barrier();", *self._tail(group, tail)] if tail else [])

    def _attention(self, group: Group) -> Lines:
        anchor = group.anchor
        if anchor.op == "paged_attention":
            return self._paged(group)
        if anchor.op == "ragged_attention":
            return self._ragged(group)
        q, k, v = anchor.args[:3]
        batch, tokens, places = term(q.axis(0)), term(q.axis(2)), term(k.axis(2))
        heads, groups, width = number(q.axis(1)), number(k.axis(1)), number(q.axis(3))
        if heads % groups or v.axis(3) != width or width > 256:
            raise NotNative("attention of this form has no kernel")
        by_token, target, tail = self._attended(group)
        kind = "bf16" if k.dtype == torch.bfloat16 else "float"
        pointers = [self._storage.pointer(arg) for arg in (q, k, v)]
        sizes = [batch, heads, groups, tokens, places, width]
        facts = [*pointers, target, *sizes, f"{anchor['scale']!r}f", "true" if by_token else "false"]
        line = f"Attention<{kind}>{{{', '.join(map(str, facts))}"
        if anchor.op == "cached_attention":
            line += f", {self._storage.pointer(anchor.args[3])}}}"
        elif len(anchor.args) == 4:
            mask = anchor.args[3]
            if mask.dtype != torch.bool or mask not in self._storage:
                raise NotNative("a mask that is added has no kernel")
            shape = (1,) * (4 - mask.rank) + mask.shape
            steps = ", ".join(
                "0" if size == 1 else term(step) for size, step in zip(shape, strides(shape), strict=True)
            )
            line += f", nullptr, {self._storage.pointer(mask)}, {{{steps}}}}}"
        elif anchor["causal"]:
            line += ", nullptr, nullptr, {}, true}"
        else:
            line += "}"
        lines = [f"  attend({line}, team);"]
        return lines + (["  team.barrier();", *self._tail(group, tail)] if tail else [])

    def _paged(self, group: Group) -> Lines:
        q, cache, tables, lengths, pieces = (self._storage.pointer(arg) for arg in group.anchor.args)
        tokens, heads, width = group.anchor.shape
        kept, table = group.anchor.args[1], group.anchor.args[2]
        groups = number(kept.axis(1)) // 2
        if number(width) > 256 or number(heads) % groups:
            raise NotNative("attention of this form has no kernel")
        kind = "bf16" if kept.dtype == torch.bfloat16 else "float"
        _, target, tail = self._result(group)
        attributes = group.anchor.attributes
        pages = f"Pages<{kind}>{{{cache}, {attributes['block']}, {groups}, {width}}}"
        work = (
            f"DecodeAttention<{kind}>{{{pages}, {tables}, {term(table.axis(1))}, {lengths}, {term(tokens)}, {heads}, "
            f"{attributes['window']}, {attributes['scale']!r}f, {q}, {number(heads) * number(width)}, {target}, {pieces}}}"
        )
        lines = [f"  attend_all({work}, team);"]
        return lines + (["  team.barrier();", *self._tail(group, tail)] if tail else [])

    def _ragged(self, group: Group) -> Lines:
        anchor = group.anchor
        qkv, heads = anchor.args[0], anchor["heads"]
        width = number(qkv.axis(1)) // 3 // heads
        if width > 256 or c_type(qkv) not in _WORDS:
            raise NotNative("attention of this form has no kernel")
        _, target, tail = self._result(group)
        kind = c_type(qkv)
        facts = f"{self._storage.pointer(qkv)}, {self._texts(anchor)}, {heads}, {width}, {anchor['scale']!r}f, {target}"
        lines = [f"  attend(RaggedAttention<{_WORDS[kind]}, {kind}, {kind}>{{{facts}}}, team);"]
        return lines + (["  team.barrier();", *self._tail(group, tail)] if tail else [])

    def _means(self, group: Group) -> Lines:
        anchor = group.anchor
        values = anchor.args[0]
        if values not in self._storage or values.dtype != torch.float32:
            raise NotNative("means of what is not in memory as float32")
        _, target, tail = self._result(group)
        given = f"{self._texts(anchor)}, {self._storage.pointer(values)}, {number(values.axis(1))}"
        lines = [f"  mean_of_texts({given}, {target}, team);"]
        return lines + (["  team.barrier();", *self._tail(group, tail)] if tail else [])

    def _texts(self, value: Value) -> str:
        starts, ends = value.args[-2:]
        return f"Texts{{{self._storage.pointer(starts)}, {self._storage.pointer(ends)}, {term(starts.axis(0))}}}"

    def _attended(self, group: Group) -> tuple[bool, str, tuple[Value, ...]]:
        """Whether tokens come before heads in the result, which is what the next layer wants; its place; what is left to do."""
        tail = group.values[1:]
        turned = next((value for value in tail if value.op == "permute"), None)
        wanted = turned is not None and turned.args[0] is group.anchor and turned["order"] == (0, 2, 1, 3)
        if wanted and tail[0] is turned and turned not in group.outputs:
            left = list(tail[1:])
            value = turned
            while left and value not in group.outputs and left[0].op == "reshape" and left[0].args[0] is value:
                value = left.pop(0)
            if value in group.outputs:
                return True, self._storage.targets[value], tuple(left)
        _, target, left_over = self._result(group)
        return False, target, left_over


def _lies_alike(value: Value) -> bool:
    """Whether its elements lie in memory as those of its argument do."""
    if value.op == "reshape":
        return True
    if value.op != "permute":
        return False
    moved = [dim for dim in value["order"] if value.args[0].axis(dim) != 1]
    return moved == sorted(moved)
