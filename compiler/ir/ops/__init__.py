"""Every operator there is, by name, and the one way to make a value."""

from __future__ import annotations

from compiler.ir.op import Family, Illegal, Op
from compiler.ir.ops.compound import COMPOUNDS
from compiler.ir.ops.contraction import CONTRACTIONS
from compiler.ir.ops.effect import EFFECTS
from compiler.ir.ops.elementwise import ELEMENTWISE
from compiler.ir.ops.leaf import LEAVES
from compiler.ir.ops.mixed import MIXED
from compiler.ir.ops.movement import MOVEMENT
from compiler.ir.ops.nibbles import NIBBLES
from compiler.ir.ops.opaque import OPAQUE
from compiler.ir.ops.paged import PAGED
from compiler.ir.ops.ragged import RAGGED
from compiler.ir.ops.reduction import REDUCTIONS
from compiler.ir.ops.sample import SAMPLE
from compiler.ir.value import Attribute, Value, intern

_FAMILIES = (
    LEAVES, ELEMENTWISE, MOVEMENT, REDUCTIONS, CONTRACTIONS, MIXED, COMPOUNDS, PAGED, RAGGED, SAMPLE, NIBBLES, EFFECTS,
    OPAQUE,
)  # fmt: skip
OPS: dict[str, Op] = {op.name: op for family in _FAMILIES for op in family}


def make(op: str, *args: Value, **attributes: Attribute) -> Value:
    """The value of an operator over arguments. Raises Illegal for what the operator cannot do."""
    if op not in OPS:
        raise Illegal(f"there is no operator {op}")
    return intern(op, args, attributes, OPS[op].infer(*args, **attributes))


def constant(number: bool | int | float) -> Value:
    return make("constant", number=number)


def is_pure(value: Value) -> bool:
    """Whether it may be computed again, elsewhere, or not at all."""
    return OPS[value.op].family is not Family.EFFECT
