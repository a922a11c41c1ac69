"""Personal data that exists nowhere else, of every type, and the places of `/v1` that a caller can put it into.

`PLACES` has a line for every field of the schemas of `/v1` that can hold a text; `places_of` walks the schemas, so that a field
that nobody wrote a line for is noticed.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import msgspec.inspect

from inference.gateway.schemas import ChatRequest, CompletionRequest, EmbeddingRequest
from inference.redaction.matcher_vectorscan import VectorscanMatcher
from inference.redaction.trigger import Trigger

_LOWER, _UPPER, _DIGITS = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHJKLMNPRSTUVWXYZ", "0123456789"


@dataclass(frozen=True, slots=True)
class Canary:
    type: str
    text: str
    """In which redaction has to find the value."""
    value: str
    """What must be nowhere."""


def _drawn(count: int, pool: str = _DIGITS) -> str:
    return "".join(secrets.choice(pool) for _ in range(count))


def _iban() -> str:
    account = _drawn(18)
    return " ".join(
        f"DE{98 - int(account + '131400') % 97:02}{account}"[place : place + 4] for place in range(0, 22, 4)
    )


def _card() -> str:
    digits = "4" + _drawn(14)
    doubled = sum(sum(divmod(int(digit) * (2 - place % 2), 10)) for place, digit in enumerate(digits))
    digits += str(-doubled % 10)
    return " ".join(digits[place : place + 4] for place in range(0, 16, 4))


def _vat() -> str:
    digits, product = str(secrets.randbelow(9) + 1) + _drawn(7), 10
    for digit in digits:
        product = 2 * ((int(digit) + product) % 10 or 10) % 11
    return f"DE{digits}{(11 - product) % 10}"


def _national() -> str:
    born, number = (
        f"{secrets.randbelow(28) + 1:02}{secrets.randbelow(12) + 1:02}{_drawn(1)}7",
        secrets.randbelow(800) + 100,
    )
    return f"{born}-{number}{'0123456789ABCDEFHJKLMNPRSTUVWXY'[int(f'{born}{number}') % 31]}"


def _health() -> str:
    letter, body = secrets.choice(_UPPER), _drawn(8)
    spelled = f"{ord(letter) - 64:02}{body}"
    return f"{letter}{body}{sum(sum(divmod(int(d) * (1 + place % 2), 10)) for place, d in enumerate(spelled)) % 10}"


def _made_up() -> str:
    """A capitalised word that no dictionary has."""
    return "".join(
        secrets.choice(letters) for letters in ("KTVZ", "aou", "lmr", "aou", "bdx", "ei", "ntv", "aou", "lmr")
    )


_MAKERS: Final[dict[str, tuple[str, Callable[[], str], str]]] = {
    "EMAIL": ("write to ", lambda: f"{_drawn(12, _LOWER)}@example.org", ""),
    "PHONE": ("call ", lambda: f"+49 170 {_drawn(8)}", ""),
    "IBAN": ("pay to ", _iban, ""),
    "BIC": ("BIC: ", lambda: f"{_drawn(4, _UPPER)}DEFF{_drawn(3)}", ""),
    "CARD": ("card ", _card, ""),
    "IP": (
        "from ",
        lambda: f"2001:db8:{_drawn(3)}1:{_drawn(3)}2:{_drawn(3)}3:{_drawn(3)}4:{_drawn(3)}5:{_drawn(3)}6",
        "",
    ),
    "MAC": ("at ", lambda: ":".join(secrets.choice("02468ACE") + _drawn(1) for _ in range(6)), ""),
    "URL_CREDENTIALS": ("see https://", lambda: f"bob:{_drawn(14, _LOWER + _DIGITS)}", "@example.org/x"),
    "SECRET": ("with ", lambda: f"AKIA{_drawn(16, _UPPER + '234567')}", ""),
    "VAT": ("USt-IdNr ", _vat, ""),
    "NATIONAL_ID": ("henkilötunnus ", _national, ""),
    "PASSPORT": ("passport number ", lambda: f"C{_drawn(8, _DIGITS)}", ""),
    "DRIVING_LICENCE": ("driving licence number ", lambda: f"B{_drawn(3)}RRE{_drawn(1)}I{_drawn(2)}", ""),
    "DATE_OF_BIRTH": (
        "born on ",
        lambda: f"{1931 + secrets.randbelow(30)}-{secrets.randbelow(12) + 1:02}-{secrets.randbelow(28) + 1:02}",
        "",
    ),
    "HEALTH_INSURANCE": ("KVNR ", _health, ""),
    "VEHICLE": ("VIN: ", lambda: f"WVWZZZ1JZ3W{_drawn(6)}", ""),
    "CRYPTO": ("my ETH wallet 0x", lambda: _drawn(40, "0123456789abcdef"), ""),
    "LOCATION": ("GPS ", lambda: f"5{_drawn(1)}.{_drawn(6)}, 1{_drawn(1)}.{_drawn(6)}", ""),
    "NAME": ("my name is ", lambda: f"{_made_up()} {_made_up()}", ""),
    "ADDRESS": ("I live at ", lambda: f"{_made_up()}straße {secrets.randbelow(90) + 10}", ", 10115 Berlin"),
}
TYPES: Final = tuple(_MAKERS)


def canary(kind: str) -> Canary:
    before, make, after = _MAKERS[kind]
    value = make()
    return Canary(kind, f"Please note: {before}{value}{after}.", value)


class Search:
    """Looks for the values of canaries in bytes, in all their forms at once: there are many, and gigabytes of memory."""

    def __init__(self, canaries: Iterable[Canary]) -> None:
        self._forms = sorted({form for one in canaries for form in forms(one)})
        escaped = ["".join(f"\\x{byte:02x}" for byte in form.encode()) for form in self._forms]
        self._matcher = VectorscanMatcher([Trigger(expression, once=True) for expression in escaped])

    def found(self, sink: bytes) -> list[str]:
        """What of it the `sink` holds."""
        return [self._forms[index] for index, _, _ in self._matcher.hits(sink)]


def forms(one: Canary) -> set[str]:
    """How its value may be written in a sink: as it is, without its spaces, in JSON's escapes."""
    return {one.value, one.value.replace(" ", ""), json.dumps(one.value)[1:-1]}


# Places ---------------------------------------------------------------------------------------------------------------


class Fate(Enum):
    SENT = "the engine gets a placeholder"
    REFUSED = "the request is refused, and its words are not repeated"
    IGNORED = "nothing of it goes on"


@dataclass(frozen=True, slots=True)
class Place:
    fate: Fate
    fields: Callable[[str], dict[str, Any]]
    """The fields of a body that hold a text there, beside those that every body has."""


CHAT, COMPLETION, EMBEDDING = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"
SCHEMAS: Final = {CHAT: ChatRequest, COMPLETION: CompletionRequest, EMBEDDING: EmbeddingRequest}
_HELLO: Final = {"role": "user", "content": "Hello"}


def _sent(fields: Callable[[str], dict[str, Any]]) -> Place:
    return Place(Fate.SENT, fields)


def _refused(fields: Callable[[str], dict[str, Any]]) -> Place:
    return Place(Fate.REFUSED, fields)


def _ignored(fields: Callable[[str], dict[str, Any]]) -> Place:
    return Place(Fate.IGNORED, fields)


def _schema(text: str) -> dict[str, Any]:
    """A schema with the text wherever one may stand."""
    field = {
        "type": "string",
        "title": text,
        "description": text,
        "default": text,
        "examples": [text],
        "enum": [text, "b"],
    }
    return {
        "type": "object",
        "properties": {"a": field, "b": {"const": text}},
        "$comment": text,
        "required": ["a", "b"],
    }


def _function(**function: Any) -> dict[str, Any]:
    return {"tools": [{"type": "function", "function": {"name": "f", **function}}]}


def _called(**call: Any) -> dict[str, Any]:
    made = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}, **call}
    return {"messages": [_HELLO, {"role": "assistant", "tool_calls": [made]}, _HELLO]}


def _message(**message: Any) -> dict[str, Any]:
    return {"messages": [{**_HELLO, **message}]}


def _format(**form: Any) -> dict[str, Any]:
    return {
        "response_format": {"type": "json_schema", "json_schema": {"name": "f", "schema": {"type": "object"}, **form}}
    }


_SAMPLED: Final[dict[str, Place]] = {
    "model": _refused(lambda text: {"model": text}),
    "stop": _sent(lambda text: {"stop": text}),
    "stop[]": _sent(lambda text: {"stop": ["x", text]}),
    "user": _ignored(lambda text: {"user": text}),
    "safety_identifier": _ignored(lambda text: {"safety_identifier": text}),
    "logit_bias{}": _refused(lambda text: {"logit_bias": {text: 1}}),
    "structured_outputs.regex": _refused(lambda text: {"structured_outputs": {"regex": f"({text}|b)"}}),
    "structured_outputs.choice[]": _sent(lambda text: {"structured_outputs": {"choice": ["a", text]}}),
    "structured_outputs.json{}": _sent(lambda text: {"structured_outputs": {"json": {"type": "string", text: 1}}}),
    "structured_outputs.json{}=": _sent(lambda text: {"structured_outputs": {"json": _schema(text)}}),
    "guided_json": _refused(lambda text: {"guided_json": {"const": text}}),
    "guided_regex": _refused(lambda text: {"guided_regex": text}),
    "guided_choice": _refused(lambda text: {"guided_choice": [text]}),
    "guided_grammar": _refused(lambda text: {"guided_grammar": text}),
    "(unknown)": _ignored(lambda text: {"metadata": {text: text}, text: [text]}),
}
PLACES: Final[dict[str, dict[str, Place]]] = {
    CHAT: {
        **_SAMPLED,
        "messages[].role": _refused(lambda text: _message(role=text)),
        "messages[].content": _sent(lambda text: _message(content=text)),
        "messages[].content[].type": _refused(lambda text: _message(content=[{"type": text, "text": "a"}])),
        "messages[].content[].text": _sent(
            lambda text: _message(content=[{"type": "text", "text": half} for half in (text[:-9], text[-9:])])
        ),
        "messages[].name": _sent(lambda text: _message(name=text)),
        "messages[].tool_calls[].id": _sent(lambda text: _called(id=text)),
        "messages[].tool_calls[].type": _refused(lambda text: _called(type=text)),
        "messages[].tool_calls[].function.name": _refused(
            lambda text: _called(function={"name": text, "arguments": ""})
        ),
        "messages[].tool_calls[].function.arguments": _sent(
            lambda text: _called(function={"name": "f", "arguments": json.dumps({"note": text})})
        ),
        "messages[].tool_call_id": _sent(lambda text: {"messages": [_HELLO, _tool(text, "done")]}),
        "messages[].function_call": _refused(lambda text: _message(function_call={"name": text})),
        "tools[].type": _refused(lambda text: {"tools": [{"type": text, "function": {"name": "f"}}]}),
        "tools[].function.name": _refused(lambda text: _function(name=text)),
        "tools[].function.description": _sent(lambda text: _function(description=text)),
        "tools[].function.parameters{}": _sent(lambda text: _function(parameters={"type": "object", text: 1})),
        "tools[].function.parameters{}=": _sent(lambda text: _function(parameters=_schema(text))),
        "tool_choice": _refused(lambda text: {**_function(), "tool_choice": text}),
        "tool_choice.type": _refused(lambda text: {**_function(), "tool_choice": {"type": text}}),
        "tool_choice.function.name": _refused(
            lambda text: {**_function(), "tool_choice": {"type": "function", "function": {"name": text}}}
        ),
        "functions": _refused(lambda text: {"functions": [{"name": text}]}),
        "function_call": _refused(lambda text: {"function_call": text}),
        "response_format.type": _refused(lambda text: {"response_format": {"type": text}}),
        "response_format.json_schema.name": _refused(lambda text: _format(name=text)),
        "response_format.json_schema.description": _ignored(lambda text: _format(description=text)),
        "response_format.json_schema.schema{}": _sent(lambda text: _format(schema={"type": "object", text: 1})),
        "response_format.json_schema.schema{}=": _sent(lambda text: _format(schema=_schema(text))),
        "modalities": _refused(lambda text: {"modalities": [text]}),
        "audio": _refused(lambda text: {"audio": {"voice": text}}),
        "prediction": _refused(lambda text: {"prediction": {"type": "content", "content": text}}),
        "web_search_options": _refused(lambda text: {"web_search_options": {"user_location": text}}),
        "moderation": _refused(lambda text: {"moderation": text}),
        # The same fields in other roles, and as documents.
        "messages[].content of a system": _sent(
            lambda text: {"messages": [{"role": "system", "content": text}, _HELLO]}
        ),
        "messages[].content of a developer": _sent(
            lambda text: {"messages": [{"role": "developer", "content": text}, _HELLO]}
        ),
        "messages[].content of an assistant": _sent(
            lambda text: {"messages": [_HELLO, {"role": "assistant", "content": text}, _HELLO]}
        ),
        "messages[].content of a tool": _sent(lambda text: {"messages": [_HELLO, _tool("call_1", text)]}),
        "messages[].content of a tool, in JSON": _sent(
            lambda text: {"messages": [_HELLO, _tool("call_1", json.dumps({"found": [{"note": text}]}))]}
        ),
        "messages[].content of a tool, twice in JSON": _sent(
            lambda text: {"messages": [_HELLO, _tool("call_1", json.dumps({"found": json.dumps({"note": text})}))]}
        ),
        "messages[].content of a tool, a name": _sent(
            lambda text: {"messages": [_HELLO, _tool("call_1", json.dumps({text: 1}))]}
        ),
        "messages[].content with unknown fields": _ignored(lambda text: _message(weight=text, refusal=text)),
    },
    COMPLETION: {
        **_SAMPLED,
        "prompt": _sent(lambda text: {"prompt": text}),
        "prompt[]": _sent(lambda text: {"prompt": ["Hello", text]}),
        "suffix": _refused(lambda text: {"suffix": text}),
    },
    EMBEDDING: {
        "model": _refused(lambda text: {"model": text}),
        "input": _sent(lambda text: {"input": text}),
        "input[]": _sent(lambda text: {"input": ["Hello", text]}),
        "encoding_format": _refused(lambda text: {"encoding_format": text}),
        "user": _ignored(lambda text: {"user": text}),
        "safety_identifier": _ignored(lambda text: {"safety_identifier": text}),
        "(unknown)": _ignored(lambda text: {"metadata": {text: text}, text: [text]}),
    },
}
HEADERS: Final = (
    "user-agent", "referer", "idempotency-key", "traceparent", "tracestate", "baggage", "x-forwarded-for", "x-request-id",
    "openai-organization", "cookie", "x-anything",
)  # fmt: skip
"""What a caller may send along; the two that mean something refuse what they do not know."""


def _tool(call: str, content: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call, "content": content}


def body(path: str, chat_model: str, embedding_model: str, fields: dict[str, Any]) -> dict[str, Any]:
    """A body for `path` with those `fields`."""
    if path == EMBEDDING:
        return {"model": embedding_model, "input": "Hello", **fields}
    if path == COMPLETION:
        return {"model": chat_model, "prompt": "Hello", "max_tokens": 4, **fields}
    return {"model": chat_model, "messages": [_HELLO], "max_tokens": 4, **fields}


def places_of(path: str) -> set[str]:
    """Every place of the schema of `path` that takes a text: ``messages[].content`` and, for the names and values of an object
    that is the caller's own, ``…parameters{}`` and ``…parameters{}=``."""
    return set(_walked(msgspec.inspect.type_info(SCHEMAS[path]), ""))


def _walked(info: msgspec.inspect.Type, at: str) -> Iterator[str]:
    if isinstance(info, msgspec.inspect.Metadata):
        yield from _walked(info.type, at)
    elif isinstance(info, msgspec.inspect.UnionType):
        for one in info.types:
            yield from _walked(one, at)
    elif isinstance(info, msgspec.inspect.StructType):
        for field in info.fields:
            yield from _walked(field.type, f"{at}.{field.encode_name}" if at else field.encode_name)
    elif isinstance(info, msgspec.inspect.ListType):
        yield from _walked(info.item_type, f"{at}[]")
    elif isinstance(info, msgspec.inspect.DictType):
        yield from _walked(info.key_type, f"{at}{{}}")
        yield from _walked(info.value_type, f"{at}{{}}=")
    elif isinstance(info, msgspec.inspect.StrType | msgspec.inspect.LiteralType | msgspec.inspect.AnyType):
        yield at
    elif not isinstance(
        info,
        msgspec.inspect.IntType | msgspec.inspect.FloatType | msgspec.inspect.BoolType | msgspec.inspect.NoneType,
    ):
        raise TypeError(f"nobody has said whether {type(info).__name__} at {at} can hold a text")
