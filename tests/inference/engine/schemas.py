"""JSON schemas made by hypothesis, of the keywords that callers use, each of which some value meets."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

NAMES = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=12)
PATTERNS = ["^[a-z]{2,5}$", "^(yes|no)$", r"^\d{4}-\d{2}$", "^[^x]+x$", r"^(a|b[0-9]{12})$", r"^\w+@\w+\.[a-z]{2,3}$"]
FORMATS = ["date", "time", "date-time", "email", "ipv4", "uuid"]


@st.composite
def strings(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["free", "length", "pattern", "format"]))
    if kind == "length":
        least = draw(st.integers(0, 12))
        return {"type": "string", "minLength": least, "maxLength": least + draw(st.integers(0, 20))}
    if kind == "pattern":
        return {"type": "string", "pattern": draw(st.sampled_from(PATTERNS))}
    return {"type": "string"} | ({"format": draw(st.sampled_from(FORMATS))} if kind == "format" else {})


@st.composite
def numbers(draw: st.DrawFn) -> dict[str, Any]:
    low = draw(st.integers(-1000, 1000))
    bounds = draw(
        st.sampled_from([{}, {"minimum": low}, {"minimum": low, "maximum": low + 3}, {"exclusiveMinimum": low}])
    )
    return {"type": draw(st.sampled_from(["integer", "number"])), **bounds}


ENUMS = st.lists(NAMES | st.integers(-99, 99) | st.none() | st.booleans(), min_size=1, max_size=6).map(
    lambda values: {"enum": values}
)
LEAVES = st.one_of(strings(), numbers(), st.just({"type": "boolean"}), st.just({"type": "null"}), ENUMS)


@st.composite
def objects(draw: st.DrawFn, inner: st.SearchStrategy[dict[str, Any]]) -> dict[str, Any]:
    properties = draw(st.dictionaries(NAMES, inner, max_size=4))
    required = [name for name in properties if draw(st.booleans())]
    closed = draw(st.booleans())
    return {"type": "object", "properties": properties, "required": required} | (
        {"additionalProperties": False} if closed else {}
    )


@st.composite
def arrays(draw: st.DrawFn, inner: st.SearchStrategy[dict[str, Any]]) -> dict[str, Any]:
    least = draw(st.integers(0, 3))
    most = draw(st.sampled_from([{}, {"maxItems": least + 2}]))
    return {"type": "array", "items": draw(inner), "minItems": least, **most}


SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        objects(inner), arrays(inner), st.lists(inner, min_size=1, max_size=3).map(lambda options: {"anyOf": options})
    ),
    max_leaves=8,
)
