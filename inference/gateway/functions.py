"""Tools and answer formats as callers send them: their shapes, their limits, their texts for redaction, what the engine gets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from inference.engine.protocol import Grammar, Tool, ToolCall
from inference.gateway.documents import MAX_DEPTH, depth_of, framed, rewritten, shown, texts_of, with_texts
from inference.gateway.errors import ApiError, invalid, unsupported

MAX_TOOLS = 128
MAX_SCHEMA_BYTES = 128 * 1024
MAX_CHOICES = 1024
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class FunctionDefinition(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ToolDefinition(msgspec.Struct):
    type: str
    function: FunctionDefinition | None = None


class NamedFunction(msgspec.Struct):
    name: str


class NamedTool(msgspec.Struct):
    type: str
    function: NamedFunction | None = None


class WrittenFunction(msgspec.Struct):
    name: str
    arguments: str


class WrittenCall(msgspec.Struct):
    """A call in the history."""

    id: str
    function: WrittenFunction
    type: str = "function"


class JsonSchema(msgspec.Struct):
    name: str
    schema: dict[str, Any] | None = None
    description: str | None = None
    strict: bool | None = None


class ResponseFormat(msgspec.Struct):
    type: str
    json_schema: JsonSchema | None = None


class StructuredOutputs(msgspec.Struct):
    """vLLM's extension: exactly one of them."""

    regex: str | None = None
    choice: list[str] | None = None
    json: dict[str, Any] | None = None


class Texts:
    """Hands back, in the order in which they were given, the texts that redaction has been over."""

    def __init__(self, texts: Iterator[str]) -> None:
        self._texts = texts

    def __iter__(self) -> Iterator[str]:
        return self._texts

    def next(self) -> str:
        return next(self._texts)

    def kept(self, text: str, param: str) -> str:
        """The next text, which must be `text` still. Raises ApiError 400 if it held personal data."""
        if next(self._texts) != text:
            raise _irreplaceable(param)
        return text


def _irreplaceable(param: str) -> ApiError:
    return ApiError(
        400,
        "personal_data_in_grammar",
        f"'{param}' holds personal data, which cannot be replaced there without changing what it means. Take it out.",
        param=param,
    )


# Tools ----------------------------------------------------------------------------------------------------------------


def check_tools(tools: list[ToolDefinition]) -> None:
    """Raises ApiError 400."""
    if len(tools) > MAX_TOOLS:
        raise invalid(f"'tools' may hold at most {MAX_TOOLS} tools.", "tools")
    names: set[str] = set()
    for index, tool in enumerate(tools):
        where = f"tools[{index}]"
        if tool.type != "function":
            raise unsupported(f"{where}.type", "Only tools of type 'function' can be called.")
        function = tool.function
        if function is None:
            raise invalid(
                f"Missing required parameter: '{where}.function'.", f"{where}.function", "missing_required_parameter"
            )
        check_name(function.name, f"{where}.function.name")
        if function.name in names:
            raise invalid("Two tools have the same name.", f"{where}.function.name")
        names.add(function.name)
        if function.parameters is not None:
            if function.parameters.get("type", "object") != "object":
                where = f"{where}.function.parameters.type"
                raise invalid("The parameters of a function are of type 'object'.", where)
            check_schema(function.parameters, f"{where}.function.parameters", strict=bool(function.strict))


def tool_texts(tools: list[ToolDefinition]) -> Iterator[str]:
    for tool in tools:
        if tool.function is not None:
            yield tool.function.name
            yield tool.function.description or ""
            yield framed(tool.function.parameters or {})


def engine_tools(tools: list[ToolDefinition], texts: Texts) -> list[Tool]:
    made = []
    for index, tool in enumerate(tools):
        function = tool.function
        if function is not None:
            where = f"tools[{index}].function"
            name = texts.kept(function.name, f"{where}.name")
            description = texts.next()
            parameters = (
                "" if function.parameters is None else _schema(function.parameters, texts, f"{where}.parameters")
            )
            made.append(Tool(name, description, parameters, bool(function.strict)))
    return made


def call_texts(calls: list[WrittenCall]) -> Iterator[str]:
    for call in calls:
        yield call.id
        yield call.function.name
        yield shown(call.function.arguments)


def engine_calls(calls: list[WrittenCall], texts: Texts) -> list[ToolCall]:
    return [ToolCall(texts.next(), texts.next(), rewritten(call.function.arguments, iter(texts))) for call in calls]


# Formats --------------------------------------------------------------------------------------------------------------


def check_format(form: ResponseFormat) -> None:
    """Raises ApiError 400."""
    if form.type not in ("text", "json_object", "json_schema"):
        raise invalid("'response_format.type' must be text, json_object or json_schema.", "response_format.type")
    if form.type == "json_schema":
        where = "response_format.json_schema"
        if form.json_schema is None:
            raise invalid(f"Missing required parameter: '{where}'.", where, "missing_required_parameter")
        check_name(form.json_schema.name, f"{where}.name")
        if form.json_schema.schema is None:
            raise invalid(
                f"Missing required parameter: '{where}.schema'.", f"{where}.schema", "missing_required_parameter"
            )
        check_schema(form.json_schema.schema, f"{where}.schema", strict=bool(form.json_schema.strict))


def check_structured(wanted: StructuredOutputs) -> None:
    """Raises ApiError 400."""
    given = [name for name in ("regex", "choice", "json") if getattr(wanted, name) is not None]
    if len(given) != 1:
        raise invalid("'structured_outputs' must hold exactly one of regex, choice and json.", "structured_outputs")
    if wanted.choice is not None and not 0 < len(wanted.choice) <= MAX_CHOICES:
        raise invalid(f"It must hold 1 to {MAX_CHOICES} texts.", "structured_outputs.choice")
    if wanted.json is not None:
        check_schema(wanted.json, "structured_outputs.json", strict=False)


def format_texts(form: ResponseFormat | None, wanted: StructuredOutputs | None) -> Iterator[str]:
    if form is not None and form.json_schema is not None:
        yield form.json_schema.name
        yield framed(form.json_schema.schema or {})
    if wanted is not None:
        if wanted.regex is not None:
            yield wanted.regex
        yield from wanted.choice or ()
        yield framed(wanted.json or {})


def engine_grammar(form: ResponseFormat | None, wanted: StructuredOutputs | None, texts: Texts) -> Grammar | None:
    """What was asked for; a response format comes before the extension."""
    made: Grammar | None = None
    if form is not None:
        if form.type == "json_object":
            made = Grammar("json_object")
        if form.json_schema is not None:
            texts.kept(form.json_schema.name, "response_format.json_schema.name")
            schema = _schema(form.json_schema.schema or {}, texts, "response_format.json_schema.schema")
            made = Grammar("json_schema", schema) if form.type == "json_schema" else made
    if wanted is not None:
        if wanted.regex is not None:
            return made or Grammar("regex", texts.kept(wanted.regex, "structured_outputs.regex"))
        if wanted.choice is not None:
            choices = [texts.next() for _ in wanted.choice]
            return made or Grammar("choice", json.dumps(choices, ensure_ascii=False))
        schema = _schema(wanted.json or {}, texts, "structured_outputs.json")
        return made or Grammar("json_schema", schema)
    return made


# Schemas --------------------------------------------------------------------------------------------------------------


def check_name(name: str, param: str) -> None:
    if not _NAME.fullmatch(name):
        raise invalid(f"'{param}' must be 1 to 64 letters, digits, underscores and hyphens.", param)


def check_schema(schema: dict[str, Any], param: str, *, strict: bool) -> None:
    """Raises ApiError 400."""
    if depth_of(schema) > MAX_DEPTH:
        raise invalid(f"'{param}' may be nested at most {MAX_DEPTH} deep.", param)
    if len(json.dumps(schema)) > MAX_SCHEMA_BYTES:
        raise invalid(f"'{param}' may have at most {MAX_SCHEMA_BYTES // 1024} KiB.", param)
    if strict:
        for node in _subschemas(schema):
            properties = node.get("properties")
            if node.get("type") != "object" and not isinstance(properties, dict):
                continue
            if node.get("additionalProperties") is not False:
                raise invalid(f"With 'strict', every object in '{param}' needs 'additionalProperties': false.", param)
            required = node.get("required")
            if set(properties or ()) != set(required if isinstance(required, list) else ()):
                raise invalid(f"With 'strict', every object in '{param}' must require all of its properties.", param)


def _subschemas(schema: Any) -> Iterator[dict[str, Any]]:
    """The schema and those within it, by the keywords that hold schemas."""
    if not isinstance(schema, dict):
        return
    yield schema
    for keyword in ("properties", "$defs", "definitions", "patternProperties"):
        below = schema.get(keyword)
        for one in below.values() if isinstance(below, dict) else ():
            yield from _subschemas(one)
    for keyword in ("anyOf", "oneOf", "allOf", "prefixItems"):
        below = schema.get(keyword)
        for one in below if isinstance(below, list) else ():
            yield from _subschemas(one)
    for keyword in ("items", "additionalProperties"):
        yield from _subschemas(schema.get(keyword))


def _schema(schema: dict[str, Any], texts: Texts, param: str) -> str:
    """The schema as the engine gets it, placeholders in the place of personal data. Raises ApiError 400 where that cannot be."""
    before = texts_of(schema)
    after = [texts.next() for _ in before]
    if before == after:
        return json.dumps(schema, ensure_ascii=False)
    made = with_texts(schema, iter(after))
    _check_meaning(schema, made, param)
    return json.dumps(made, ensure_ascii=False)


def _check_meaning(before: Any, after: Any, param: str) -> None:
    """A placeholder may stand for a value; in an expression, or for a number, it would mean something else."""
    if isinstance(before, dict):
        patterns = before.get("patternProperties")
        changed = isinstance(patterns, dict) and list(patterns) != list(after.get("patternProperties", {}))
        if changed or (isinstance(before.get("pattern"), str) and before["pattern"] != after.get("pattern")):
            raise _irreplaceable(param)
        for one, other in zip(before.values(), after.values(), strict=True):
            _check_meaning(one, other, param)
    elif isinstance(before, list):
        for one, other in zip(before, after, strict=True):
            _check_meaning(one, other, param)
    elif type(before) is not type(after):
        raise _irreplaceable(param)
