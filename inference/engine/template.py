"""Chat templates: Jinja2 in a sandbox, with the names and filters transformers gives them, and with bounds on work.

A template comes with a checkpoint and messages come from anyone, so neither may hold the engine: iterations, calls, repeated
strings, time and output are all bounded.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from time import monotonic
from typing import Any, NoReturn

import jinja2
from jinja2 import meta, nodes
from jinja2.ext import loopcontrols
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from inference.engine.errors import CheckpointError, refuse
from inference.engine.protocol import TOOL_CALL_OPEN

MAX_STEPS = 1_000_000
MAX_SECONDS = 2.0
MAX_OUTPUT_CHARS = 32 * 1024 * 1024
MAX_TEMPLATE_CHARS = 1024 * 1024
_CHECK_EVERY = 256


class TemplateBudgetError(Exception):
    """A template did more work than one rendering may."""


class _Environment(ImmutableSandboxedEnvironment):
    """The sandbox, which also counts the loop iterations and calls of each rendering."""

    intercepted_binops = frozenset(["*", "**"])

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
        self.filters["tojson"] = _tojson
        self.filters["_counted"] = self._counted
        self.globals["raise_exception"] = _raise_exception
        self.globals["strftime_now"] = _strftime_now
        # Long prompts are rendered on another thread than short ones, perhaps at the same time.
        self._spent = threading.local()

    def start(self) -> None:
        """Opens this thread's budget for one rendering."""
        self._spent.steps = 0
        self._spent.deadline = monotonic() + MAX_SECONDS

    def spend(self) -> None:
        self._spent.steps += 1
        late = self._spent.steps % _CHECK_EVERY == 0 and monotonic() > self._spent.deadline
        if late or self._spent.steps > MAX_STEPS:
            raise TemplateBudgetError

    def _counted(self, values: Iterable[Any]) -> Iterator[Any]:
        for value in values:
            self.spend()
            yield value

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for loop in tree.find_all(nodes.For):
            loop.iter = nodes.Filter(loop.iter, "_counted", [], [], None, None).set_environment(self)
        return tree

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # jinja's own signature
        __self.spend()
        return super().call(__context, __obj, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        self.spend()
        sized = next((v for v in (left, right) if isinstance(v, str | list | tuple)), None)
        times = right if sized is left else left
        if operator == "**" or (
            sized is not None and isinstance(times, int) and len(sized) * times > MAX_TEMPLATE_CHARS
        ):
            raise TemplateBudgetError
        return super().call_binop(context, operator, left, right)


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    # Jinja's own filter escapes HTML characters, which a prompt must not have.
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise_exception(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _strftime_now(layout: str) -> str:
    # Local time without a zone is what transformers gives templates.
    return datetime.now().strftime(layout)  # noqa: DTZ005


class ChatTemplate:
    """Turns messages into one prompt text."""

    def __init__(self, source: str, special_tokens: Mapping[str, str]) -> None:
        """`special_tokens` are the template's variables such as `bos_token`. Raises CheckpointError for a broken template."""
        if len(source) > MAX_TEMPLATE_CHARS:
            raise CheckpointError(
                f"the chat template has {len(source)} characters; at most {MAX_TEMPLATE_CHARS} are served"
            )
        self._environment = _Environment()
        self._special_tokens = dict(special_tokens)
        try:
            self._template = self._environment.from_string(source)
            names = meta.find_undeclared_variables(self._environment.parse(source))
        except jinja2.TemplateError as error:
            raise CheckpointError(f"the chat template does not parse: {error}; correct chat_template") from None
        self.knows_tools = "tools" in names and TOOL_CALL_OPEN in source
        """Whether it writes tools and their calls itself, in the form that answers are read in."""

    def render(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Any] = ()) -> str:
        """The prompt, ending where the assistant's answer begins. Raises Refusal 400 when the template refuses the messages."""
        self._environment.start()
        pieces: list[str] = []
        size = 0
        try:
            for piece in self._template.generate(
                messages=messages,
                tools=list(tools) or None,
                documents=None,
                add_generation_prompt=True,
                **self._special_tokens,
            ):
                pieces.append(piece)
                size += len(piece)
                if size > MAX_OUTPUT_CHARS:
                    raise TemplateBudgetError
        except TemplateBudgetError:
            raise refuse(
                400,
                "chat_template_too_long",
                "these messages are too much for the model's chat template; send fewer",
                param="messages",
            ) from None
        except Exception as error:  # noqa: BLE001  # a template may raise anything, and its message may quote the prompt
            raise refuse(
                400,
                "chat_template_refused",
                f"the model's chat template refused these messages ({type(error).__name__}); check their roles and their order",
                param="messages",
            ) from None
        return "".join(pieces)
