"""JSON schemas: what of them is refused at the door, and a short text that fits. Imports no torch.

The short text is a guess, which whoever uses it checks against the compiled grammar: it need not know every keyword.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from inference.engine.expression import ExpressionError, read

MAX_BYTES = 128 * 1024
MAX_DEPTH = 64
_FORMATS = {
    "date": "2000-01-01",
    "time": "00:00:00Z",
    "date-time": "2000-01-01T00:00:00Z",
    "duration": "P1D",
    "email": "a@a.aa",
    "hostname": "a",
    "ipv4": "0.0.0.0",  # a text, not an address to listen on
    "ipv6": "::",
    "uuid": "00000000-0000-0000-0000-000000000000",
    "uri": "a:",
}
_LITERALS = ("null", "0", '""', "{}", "[]", "true")
_MAX_TEXT = 20_000
_MAX_LEVELS = 40
_MAX_LOOKS = 2000
_MAX_PIECES = 48
_ODD = (TypeError, ValueError, KeyError, AttributeError, ZeroDivisionError, OverflowError)
"""What comes of keywords whose values have types that no schema gives them."""

Schema = dict[str, Any] | bool


class SchemaError(Exception):
    """The schema cannot be used; the message says why and quotes nothing of it but its keywords."""


def load(source: str) -> Schema:
    """Raises SchemaError for text that is no JSON schema, is too large, or has a `pattern` that cannot be used."""
    if len(source.encode()) > MAX_BYTES:
        raise SchemaError(f"it is larger than {MAX_BYTES // 1024} KiB")
    try:
        schema = json.loads(source)
    except (ValueError, RecursionError):
        raise SchemaError("it is not valid JSON") from None
    if not isinstance(schema, dict | bool):
        raise SchemaError("it must be an object")
    for node in _nodes(schema):
        # The library's own options are not the caller's to set.
        node.pop("x-guidance", None)
        try:
            if isinstance(node.get("pattern"), str):
                read(node["pattern"])
            patterns = node.get("patternProperties")
            for pattern in patterns if isinstance(patterns, dict) else ():
                read(pattern)
        except ExpressionError as error:
            raise SchemaError(f"a pattern cannot be used: {error}") from None
    return schema


def _nodes(schema: Schema) -> Iterator[dict[str, Any]]:
    """Every object in the schema, level by level."""
    level: list[Any] = [schema]
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise SchemaError(f"it is nested more than {MAX_DEPTH} deep")
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                yield value
                below += value.values()
            elif isinstance(value, list):
                below += value
        level = [value for value in below if isinstance(value, dict | list)]


def shortest(schema: Schema) -> str | None:
    """A short JSON text that fits the schema, as far as this module understands it."""
    try:
        return _Writer(schema).write(schema, 0)
    except _ODD:
        return None  # the library says what it makes of them


def pieces(schema: Schema) -> list[str]:
    """What completes the objects in the schema from just behind their opening brace, shortest first; a few of them."""
    found: set[str] = set()
    for node in _nodes(schema):
        if "properties" in node or "required" in node:
            try:
                text = _Writer(schema).write(node, 0)
            except _ODD:
                continue
            if text is not None and len(text) > len("{}"):
                found |= {text[1:], text[2:], text}
    return sorted(found, key=len)[:_MAX_PIECES]


class _Writer:
    def __init__(self, root: Schema) -> None:
        self._root = root
        self._looks = 0

    def write(self, schema: Any, level: int) -> str | None:
        self._looks += 1
        if level > _MAX_LEVELS or self._looks > _MAX_LOOKS or schema is False:
            return None
        if not isinstance(schema, dict):
            return "0"
        if "const" in schema:
            return _json(schema["const"])
        if isinstance(schema.get("enum"), list):
            return min(map(_json, schema["enum"]), key=len, default=None)
        if isinstance(schema.get("$ref"), str):
            return self.write(self._target(schema["$ref"]), level + 1)
        for keyword in ("anyOf", "oneOf"):
            if isinstance(schema.get(keyword), list):
                rest = {name: value for name, value in schema.items() if name != keyword}
                return _least(self.write(_joined(rest, option), level + 1) for option in schema[keyword])
        if isinstance(schema.get("allOf"), list):
            joined: Any = {name: value for name, value in schema.items() if name != "allOf"}
            for part in schema["allOf"]:
                joined = _joined(joined, self._target(part["$ref"]) if "$ref" in part else part)
            return self.write(joined, level + 1)
        return self._typed(schema, level)

    def _typed(self, schema: dict[str, Any], level: int) -> str | None:
        kinds = schema.get("type")
        if kinds is None:
            kinds = next(
                (
                    kind
                    for keyword, kind in (
                        ("properties", "object"),
                        ("required", "object"),
                        ("minProperties", "object"),
                        ("items", "array"),
                        ("minItems", "array"),
                        ("prefixItems", "array"),
                        ("pattern", "string"),
                        ("minLength", "string"),
                        ("format", "string"),
                        ("minimum", "number"),
                        ("exclusiveMinimum", "number"),
                        ("multipleOf", "number"),
                    )
                    if keyword in schema
                ),
                "null",
            )
        writers = {
            "string": self._string,
            "object": self._object,
            "array": self._array,
            "integer": self._number,
            "number": self._number,
            "boolean": lambda _schema, _level: "true",
            "null": lambda _schema, _level: "null",
        }
        kinds = kinds if isinstance(kinds, list) else [kinds]
        return _least(writers[kind](schema, level) for kind in kinds if isinstance(kind, str) and kind in writers)

    def _object(self, schema: dict[str, Any], level: int) -> str | None:
        properties = schema.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        required = [name for name in schema.get("required", ()) if isinstance(name, str)]
        names = [name for name in properties if name in required] + [n for n in required if n not in properties]
        missing = int(schema.get("minProperties") or 0) - len(names)
        names += [name for name in properties if name not in names][: max(0, missing)]
        names += [f"a{number}" for number in range(min(1000, int(schema.get("minProperties") or 0) - len(names)))]
        beyond = schema.get("additionalProperties", True)
        members = []
        for name in names:
            value = self.write(properties.get(name, beyond), level + 1)
            if value is None:
                return None
            members.append(f"{_json(name)}:{value}")
        return _limited("{" + ",".join(members) + "}")

    def _array(self, schema: dict[str, Any], level: int) -> str | None:
        count = int(schema.get("minItems") or 0)
        if count > _MAX_TEXT:
            return None
        first = schema.get("prefixItems")
        first = first if isinstance(first, list) else []
        values = [self.write(item, level + 1) for item in first[:count]]
        if count > len(values):
            values += [self.write(schema.get("items", True), level + 1)] * (count - len(values))
        if any(value is None for value in values):
            return None
        return _limited("[" + ",".join(value or "" for value in values) + "]")

    def _string(self, schema: dict[str, Any], level: int) -> str | None:
        least = int(schema.get("minLength") or 0)
        if least > _MAX_TEXT:
            return None
        if isinstance(schema.get("pattern"), str):
            return _json(read(schema["pattern"]).shortest)
        return _json(_FORMATS.get(str(schema.get("format")), "").ljust(least, "a"))

    def _number(self, schema: dict[str, Any], level: int) -> str | None:
        low, high = schema.get("minimum"), schema.get("maximum")
        above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
        step = schema.get("multipleOf") or 1
        floor = max((v for v in (low, above) if isinstance(v, int | float)), default=None)
        ceiling = min((v for v in (high, below) if isinstance(v, int | float)), default=None)
        guesses: list[float] = [0, 1, -1]
        for border in (floor, ceiling):
            if border is not None and abs(border) < 1e15:
                base = int(border // step)
                guesses += [(base + delta) * step for delta in (-1, 0, 1, 2)]
                if schema.get("type") != "integer":
                    guesses += [border, border + 0.5, border - 0.5, border + 0.1, border - 0.1]
        fitting = [
            _json(int(guess) if guess == int(guess) else guess)
            for guess in guesses
            if (low is None or guess >= low)
            and (high is None or guess <= high)
            and (above is None or guess > above)
            and (below is None or guess < below)
            and guess % step == 0
        ]
        return min(fitting, key=len, default=None)

    def _target(self, reference: str) -> Any:
        """What a reference within the document points to; nothing for one to elsewhere."""
        node: Any = self._root
        if not reference.startswith("#"):
            return False
        for part in reference[1:].split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(node, list):
                node = node[int(name)] if name.isdigit() and int(name) < len(node) else False
            else:
                node = node.get(name, False) if isinstance(node, dict) else False
        return node


def _joined(one: Any, other: Any) -> Any:
    """Both schemas as one, roughly."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return other if one in (True, {}) else one
    joined = {**one, **other}
    for keyword in ("properties",):
        if keyword in one and keyword in other:
            joined[keyword] = {**one[keyword], **other[keyword]}
    if "required" in one and "required" in other:
        joined["required"] = list(dict.fromkeys([*one["required"], *other["required"]]))
    return joined


def _least(texts: Iterator[str | None]) -> str | None:
    return min((text for text in texts if text is not None), key=len, default=None)


def _limited(text: str) -> str | None:
    return text if len(text) <= _MAX_TEXT else None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
