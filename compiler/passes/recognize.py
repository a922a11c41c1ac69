"""Finds in a program what has a name, and kernels of its own: norms, rotary positions, attention over a cache, gated layers.

Norms of transformers and of torch differ in where they round and in nothing else; a recognized one rounds as torch does.
"""

from __future__ import annotations

from compiler.ir.ops import make
from compiler.ir.value import Value
from compiler.rewrite.pattern import Pattern, any_value, number, op, some
from compiler.rewrite.rules import Rules

_X, _W = any_value("x"), any_value("w")
_COS, _SIN = any_value("cosine"), any_value("sine")


def _rms(x: Value, wide: Value, w: Value, mean: Value, eps: float, it: Value) -> Value | None:
    """Over the last dimension, computed in `wide`, which is `x` or `x` in a wider type."""
    fits = mean["keep"] and mean["dims"] == (x.rank - 1,) and w.shape == x.shape[-1:] and w.dtype == it.dtype
    return make("rms_norm", x, w, eps=float(eps)) if fits and x.dtype == it.dtype else None


def _norm(wide: Pattern, *, narrowed: bool) -> Pattern:
    mean = Pattern(frozenset({"mean"}), (op("mul", wide, wide),), "mean")
    scaled = op("mul", wide, op("rsqrt", op("add", mean, number("eps"))))
    return op("mul", _W, op("cast", scaled) if narrowed else scaled)


def _rope(x: Value, cosine: Value, sine: Value, turned: Value, it: Value) -> Value | None:
    """The half that follows is taken with the other sign, the half before it as it is."""
    whole, dim = x.axis(-1), x.rank - 1
    if not isinstance(whole, int) or turned["dim"] != dim:
        return None
    first, second = turned.args[0].args[0], turned.args[1]
    halves = [(part["dim"], part["start"], part["end"]) for part in (first, second)]
    if halves != [(dim, whole // 2, whole), (dim, 0, whole // 2)]:
        return None
    return make("rope", x, cosine, sine)


def _grouped(q: Value, k: Value, v: Value, repeated_k: Value, repeated_v: Value, it: Value) -> Value | None:
    """Keys that were repeated for each head of their group need not be."""
    for original, repeated in ((k, repeated_k), (v, repeated_v)):
        expanded = repeated.args[0]
        batch, heads, *rest = original.shape
        if expanded.rank != 5 or expanded.shape[:2] != (batch, heads) or list(expanded.shape[3:]) != rest:
            return None
        if expanded.args[0].shape != (batch, heads, 1, *rest):
            return None
        if repeated.shape != (batch, q.axis(1), *rest):
            return None
    return make("attention", q, k, v, *it.args[3:], **it.attributes)


def _cached(q: Value, k: Value, v: Value, places: Value, positions: Value, it: Value) -> Value | None:
    """Each token sees the places up to its own: nothing beyond need be read, let alone masked."""
    tokens = q.axis(2)
    fits = places["start"] == 0 and places["size"] == k.axis(2) and positions.shape == (tokens,)
    return make("cached_attention", q, k, v, positions, scale=it["scale"]) if fits else None


def _gated(whole: Value, gate: Value, up: Value, activation: Value, it: Value) -> Value | None:
    size, dim = whole.axis(-1), whole.rank - 1
    if not isinstance(size, int) or gate["dim"] != dim or up["dim"] != dim:
        return None
    if [gate["start"], gate["end"], up["start"], up["end"]] != [0, size // 2, size // 2, size]:
        return None
    return make("gated", whole, activation=activation.op)


def _repeated(name: str) -> Pattern:
    return op("reshape", op("expand", op("reshape", any_value(name))), name=f"repeated_{name}")


_TURNED = op("concat", op("neg", op("slice", _X)), op("slice", _X), name="turned")
_WIDE = op("cast", _X, name="wide")
_Q, _K, _V = any_value("q"), any_value("k"), any_value("v")
_REACH = op("reshape", op("le", op("reshape", some("arange", "places")), op("reshape", any_value("positions"))))
_WRITTEN = {name: some("write", name) for name in ("k", "v")}
_HALF = {name: op("slice", any_value("whole"), name=name) for name in ("gate", "up")}

RECOGNIZE = Rules(
    [
        (_norm(_WIDE, narrowed=True), _rms),
        (_norm(_X.named("x"), narrowed=False), lambda **found: _rms(wide=found["x"], **found)),
        (op("add", op("mul", _X, _COS), op("mul", _TURNED, _SIN)), _rope),
        (op("attention", _Q, _repeated("k"), _repeated("v")), _grouped),
        (op("attention", _Q, _repeated("k"), _repeated("v"), any_value()), _grouped),
        (op("attention", _Q, _WRITTEN["k"], _WRITTEN["v"], _REACH), _cached),
        (op("mul", op("silu gelu", _HALF["gate"], name="activation"), _HALF["up"]), _gated),
    ]
)
