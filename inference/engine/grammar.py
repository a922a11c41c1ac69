"""What an answer must look like, compiled for one model's tokens by llguidance. Imports no torch.

A grammar is payload: a schema tells what somebody works on. Compiled grammars are kept for the workspace that sent them
and for nobody else, are dropped when it is erased, and are named in no message and no log.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator
from hashlib import blake2b
from threading import Lock
from time import perf_counter
from typing import Any

from llguidance import LLMatcher, LLParserLimits

from inference.engine import expression, schema, tools
from inference.engine.errors import Refusal, refuse
from inference.engine.matcher import CompiledGrammar
from inference.engine.protocol import TOOL_CALL_OPEN, Generate
from inference.engine.vocabulary import Vocabulary
from inference.engine.way_out import JOINTS, way_out

MAX_CHOICES = 1024
MAX_CHOICES_CHARS = 64 * 1024
MAX_EXPRESSION_CHARS = 4096
START_EFFORT = 1000
"""Places the search for the shortest answer may look at before a request is admitted."""
SLOW_S = 1.0
"""A grammar whose compilation and first mask take longer is refused: every token would hold up the others' answers."""
KEPT_EACH = 32
"""Compiled grammars kept for one workspace."""
KEPT = 1024
"""Compiled grammars kept for all."""
_LIMITS = LLParserLimits(
    max_grammar_size=100_000,
    initial_lexer_fuel=1_000_000,
    step_lexer_fuel=100_000,
    max_lexer_states=50_000,
    verbose_errors=False,
)
# One space or one new line with its indentation: enough for every usual layout, and no room to write white space for ever.
_WHITE_SPACE = r"( |\n {0,24})"


class Grammars:
    """The grammars of one model. For every thread."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._kept: OrderedDict[str, OrderedDict[bytes, CompiledGrammar]] = OrderedDict()
        self._count = 0
        self._lock = Lock()

    def of(self, wire: Generate) -> CompiledGrammar | None:
        """What the request asks of its answer, None for nothing. Takes milliseconds, a second at most, unless kept.

        Raises Refusal 400 for a grammar that is broken, too large, or that no answer can meet.
        """
        offered = tools.offered(wire)
        if wire.grammar is None and not offered:
            return None
        if wire.cache == "request":
            return self._compile(wire, offered)
        key = _digest(wire, offered)
        with self._lock:
            mine = self._kept.get(wire.workspace)
            kept = None if mine is None else mine.get(key)
            if mine is not None and kept is not None:
                mine.move_to_end(key)
                self._kept.move_to_end(wire.workspace)
                return kept
        made = self._compile(wire, offered)
        with self._lock:
            self._keep(wire.workspace, key, made)
        return made

    def erase(self, workspace: str) -> int:
        """Drops what is kept for the workspace; how many grammars that were. Requests that run go on with theirs."""
        with self._lock:
            dropped = len(self._kept.pop(workspace, ()))
            self._count -= dropped
            return dropped

    def __len__(self) -> int:
        return self._count

    def _keep(self, workspace: str, key: bytes, made: CompiledGrammar) -> None:
        mine = self._kept.setdefault(workspace, OrderedDict())
        self._kept.move_to_end(workspace)
        self._count += key not in mine
        mine[key] = made
        if len(mine) > KEPT_EACH:
            mine.popitem(last=False)
            self._count -= 1
        while self._count > KEPT:
            oldest = next(iter(self._kept))
            self._kept[oldest].popitem(last=False)
            self._count -= 1
            if not self._kept[oldest]:
                del self._kept[oldest]

    def _compile(self, wire: Generate, offered: list[Any]) -> CompiledGrammar:
        param = "tools" if offered else _param(wire)
        began = perf_counter()
        try:
            source, guess, pieces, free_text = _source(wire, offered)
        except (schema.SchemaError, expression.ExpressionError) as error:
            raise _invalid(str(error), param) from None
        start = LLMatcher(self._vocabulary.library, source, log_level=0, limits=_LIMITS)
        if not start.is_error():
            start.compute_bitmask()
        if start.is_error():
            raise _invalid(_explained(start.get_error()), param)
        if perf_counter() - began > SLOW_S:
            raise _invalid("it takes too long to follow; make it simpler", param)
        way = self._shortest(start, guess, began + SLOW_S)
        if way is None:
            raise _invalid("no answer was found that it allows; make it simpler, or bound its parts", param)
        plain = self._vocabulary.spell(way)
        merged = self._vocabulary.library.tokenize_bytes(way)
        usable = len(merged) < len(plain) and self._vocabulary.completes(start, merged)
        return CompiledGrammar(
            self._vocabulary, start, way, tuple(merged if usable else plain), JOINTS + pieces, free_text
        )

    def _shortest(self, start: LLMatcher, guess: str | None, until: float) -> bytes | None:
        if start.is_accepting():
            return b""
        guessed = None if guess is None else guess.encode(errors="replace")
        if guessed is not None and self._vocabulary.completes(start, self._vocabulary.spell(guessed)):
            return guessed
        return way_out(self._vocabulary, start.deep_copy(), guessed or b"", START_EFFORT, until=until)


def check(wire: Generate) -> None:
    """What can be refused without compiling. Raises Refusal 400."""
    if len(wire.tools) > tools.MAX_TOOLS:
        raise _invalid(f"there may be at most {tools.MAX_TOOLS} tools", "tools")
    if wire.tool_choice == "required" and not tools.offered(wire):
        raise _invalid("a call is required, but there is no such tool", "tool_choice")
    if wire.grammar is not None and tools.offered(wire) and wire.grammar.kind not in ("json_schema", "json_object"):
        raise _invalid("choices and regular expressions cannot be combined with tools", "tools")


def _source(wire: Generate, offered: list[Any]) -> tuple[str, str | None, tuple[bytes, ...], bool]:
    """The grammar for the library, a guess at its shortest text, pieces of ways through it, and whether any text is an answer."""
    kind = wire.grammar.kind if wire.grammar is not None else None
    source = wire.grammar.source if wire.grammar is not None else ""
    if kind == "choice":
        return _choice(source)
    if kind == "regex":
        if len(source) > MAX_EXPRESSION_CHARS:
            raise schema.SchemaError(f"a regular expression may have at most {MAX_EXPRESSION_CHARS} characters")
        return LLMatcher.grammar_from_regex(source), expression.read(source).shortest, (), False
    answer: schema.Schema | None = None
    if kind is not None:
        answer = {"type": "object"} if kind == "json_object" else schema.load(source)
    guess = None if answer is None else schema.shortest(answer)
    pieces = [] if answer is None else schema.pieces(answer)
    if not offered:
        text = LLMatcher.grammar_from_json_schema(_prepared(answer, lenient=False))
        return text, guess, tuple(piece.encode(errors="replace") for piece in pieces), False
    loaded = [(tool, _parameters(schema.load(tool.parameters or tools.NO_PARAMETERS))) for tool in offered]
    must_call = wire.tool_choice == "required"
    text = LLMatcher.grammar_from_lark(
        tools.lark(
            [(tool.name, _prepared(parameters, lenient=not tool.strict)) for tool, parameters in loaded],
            answer=None if answer is None else _prepared(answer, lenient=False),
            must_call=must_call,
            parallel=wire.parallel_tool_calls,
        )
    )
    calls = [tools.call_text(tool.name, schema.shortest(parameters) or "{}") for tool, parameters in loaded]
    # Behind an opening mark, whole or in part, stands the rest of a call.
    pieces += [call[len(TOOL_CALL_OPEN) - cut :] for call in sorted(calls, key=len)[:8] for cut in (0, 1)]
    pieces += ["\n" + call for call in calls[:1]]
    pieces += [piece for _, parameters in loaded for piece in schema.pieces(parameters)]
    return (
        text,
        min(calls, key=len) if must_call else guess,
        tuple(piece.encode(errors="replace") for piece in dict.fromkeys(pieces)),
        not must_call and answer is None,
    )


def _choice(source: str) -> tuple[str, str | None, tuple[bytes, ...], bool]:
    try:
        texts = json.loads(source)
    except (ValueError, RecursionError):
        texts = None
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise schema.SchemaError("choices must be a list of texts that are not empty")
    if len(texts) > MAX_CHOICES or sum(map(len, texts)) > MAX_CHOICES_CHARS:
        raise schema.SchemaError(
            f"there may be at most {MAX_CHOICES} choices of {MAX_CHOICES_CHARS} characters together"
        )
    alternatives = " | ".join(json.dumps(text, ensure_ascii=False) for text in dict.fromkeys(texts))
    shortest = min(texts, key=lambda text: len(text.encode(errors="replace")))
    return LLMatcher.grammar_from_lark(f"start: {alternatives}"), shortest, (), False


def _parameters(loaded: schema.Schema) -> schema.Schema:
    """Arguments are an object, also where the schema does not say so."""
    if isinstance(loaded, dict) and not {"type", "anyOf", "oneOf", "allOf", "$ref"} & loaded.keys():
        return {**loaded, "type": "object"}
    return loaded


def _prepared(loaded: schema.Schema | None, *, lenient: bool) -> str:
    if loaded is False:
        raise schema.SchemaError("it allows nothing")
    whole = loaded if isinstance(loaded, dict) else {}
    return json.dumps({**whole, "x-guidance": {"whitespace_pattern": _WHITE_SPACE, "lenient": lenient}})


def _explained(error: str) -> str:
    """The library's message without what it quotes of the grammar."""
    if "Unimplemented keys:" in error:
        named = [word for word in _KEYWORDS if f'"{word}"' in error]
        return f"it uses {', '.join(named) or 'a keyword'}, which cannot be enforced; leave that out"
    if "Unsatisfiable" in error:
        return "nothing can meet it: its parts contradict one another"
    if "regex" in error:
        return "a regular expression in it is broken or uses what is not supported"
    if "does not exist" in error or "not present in a registry" in error:
        return "a $ref in it points to nothing within it"
    if any(word in error for word in ("limit", "too ", "fuel")):
        return "it is too large to follow; make it simpler"
    return "it is not a grammar that can be followed; check its keywords and their types"


_KEYWORDS = (
    "uniqueItems",
    "not",
    "if",
    "then",
    "else",
    "dependentRequired",
    "dependentSchemas",
    "propertyNames",
    "contains",
    "minContains",
    "maxContains",
    "unevaluatedProperties",
    "unevaluatedItems",
    "$dynamicRef",
    "contentEncoding",
    "contentMediaType",
    "format",
)


def _param(wire: Generate) -> str:
    """The caller's field that a grammar without tools most likely came from."""
    spoken = wire.messages is not None and wire.grammar is not None and wire.grammar.kind.startswith("json")
    return "response_format" if spoken else "structured_outputs"


def _digest(wire: Generate, offered: list[Any]) -> bytes:
    hashed = blake2b(digest_size=16)
    for part in _parts(wire, offered):
        data = part.encode(errors="surrogatepass")
        hashed.update(len(data).to_bytes(8, "little") + data)
    return hashed.digest()


def _parts(wire: Generate, offered: list[Any]) -> Iterator[str]:
    yield "" if wire.grammar is None else wire.grammar.kind
    yield "" if wire.grammar is None else wire.grammar.source
    yield wire.key if wire.cache == "key" else ""
    yield f"{wire.tool_choice} {wire.parallel_tool_calls}"
    for tool in offered:
        yield tool.name
        yield f"{tool.strict} {tool.parameters}"


def _invalid(problem: str, param: str) -> Refusal:
    return refuse(400, "invalid_grammar", f"the form asked for in {param} cannot be used: {problem}", param=param)
