"""What a gateway and an engine say to each other: requests, pieces of answers, results, errors. How it travels is `frames`.

This module imports neither torch nor Django: the gateway stands on it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from inference.engine.deployment import Deployment, Version
from inference.engine.lanes import Lane
from inference.engine.receipts import Erased, Scope, Verified
from inference.engine.stats import StatsReport
from inference.engine.window import Preset

Kind = Literal["chat", "embedding", "tagging"]
"""What a model gives: text, one vector a text, or a score for each of its labels at every token of a text."""
FinishReason = Literal["stop", "length", "cancelled", "deadline", "error", "erased"]


TOOL_CALL_OPEN = "<tool_call>"
TOOL_CALL_CLOSE = "</tool_call>"
"""How a tool call stands in an answer's text: the opening mark, a line feed, a JSON object with `name` and `arguments`, a line
feed, the closing mark; several follow one another, each on a new line, and nothing follows the last."""


class ToolCall(msgspec.Struct, omit_defaults=True):
    """A call in the history: `arguments` is JSON text as the caller sent it."""

    id: str
    name: str
    arguments: str


class Message(msgspec.Struct, omit_defaults=True):
    """Of role `tool` with `tool_call_id`, the result of that call."""

    role: str
    content: str
    name: str | None = None
    tool_calls: list[ToolCall] = []
    tool_call_id: str | None = None


class Tool(msgspec.Struct, omit_defaults=True):
    """A function that the model may call. `parameters` is a JSON schema as JSON text, "" where it takes none."""

    name: str
    description: str = ""
    parameters: str = ""
    strict: bool = False
    """Whether a schema that cannot be enforced in full is refused rather than enforced as far as it can be."""


class Sampling(msgspec.Struct, omit_defaults=True):
    """How to draw tokens. `temperature` 0 is greedy; `top_k` 0, `top_p` 1 and `min_p` 0 mean no cut."""

    max_tokens: int | None = None
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None
    n: int = 1
    stop: list[str] = []
    logprobs: int | None = None
    """Number of alternatives to report beside each chosen token (0: the chosen one alone); None reports nothing."""
    min_p: float = 0.0
    """Tokens less likely than this share of the likeliest one's probability are left out."""
    presence_penalty: float = 0.0
    """Taken once from the logit of every token that is in the answer already."""
    frequency_penalty: float = 0.0
    """Taken from a token's logit as often as it is in the answer already."""
    repetition_penalty: float = 1.0
    """Divides positive and multiplies negative logits of tokens in prompt or answer."""
    logit_bias: dict[int, float] = {}
    """Added to the logits of these token ids."""


class Grammar(msgspec.Struct, omit_defaults=True):
    """What an answer must look like: `source` is a JSON schema as JSON text, a regular expression, or a JSON array of texts."""

    kind: Literal["json_schema", "json_object", "regex", "choice"]
    source: str = ""


CacheScope = Literal["workspace", "key", "request", "public"]
"""Who may meet a prompt's cached keys and values again: the whole workspace, one key, nobody, or every workspace."""


class Generate(msgspec.Struct, tag="generate", tag_field="op", omit_defaults=True):
    """Exactly one of `messages` (chat template applied) and `prompt` (text or token ids, taken as is) is given."""

    request: str
    workspace: str
    model: str
    messages: list[Message] | None = None
    prompt: str | list[int] | None = None
    sampling: Sampling = msgspec.field(default_factory=Sampling)
    lane: Lane = "standard"
    stream: bool = False
    echo: bool = False
    key: str = ""
    """The API key's id, for the cache scope `key`."""
    subject: str = ""
    """The pseudonym of the person the request is about, so that an erasure finds what the cache holds of them."""
    cache: CacheScope = "workspace"
    weight: float = 1.0
    """The workspace's share of the engine beside others': twice the weight, twice the tokens under load."""
    deadline_s: float | None = None
    """Seconds from now after which the answer is of no use."""
    queued_tokens: int | None = None
    """The most tokens that the workspace may have waiting; None leaves the engine's own bound."""
    deterministic: bool = False
    """The same bits alone and in company, on the same artifact and device."""
    grammar: Grammar | None = None
    tools: list[Tool] = []
    tool_choice: Literal["none", "auto", "required"] = "auto"
    tool: str = ""
    """The only tool that may be called when `tool_choice` is `required`; "" leaves the choice."""
    parallel_tool_calls: bool = True
    """Whether one answer may hold several calls."""


class Embed(msgspec.Struct, tag="embed", tag_field="op", omit_defaults=True):
    request: str
    workspace: str
    model: str
    inputs: list[str | list[int]]
    dimensions: int | None = None
    lane: Lane = "standard"
    subject: str = ""
    weight: float = 1.0
    deadline_s: float | None = None
    preset: Preset | None = None
    """The workspace's batching preset; None leaves the deployment's."""


class Tag(msgspec.Struct, tag="tag", tag_field="op", omit_defaults=True):
    """Score a tagging model's labels at every token of the texts, of any length each. Nothing of it is kept anywhere."""

    request: str
    workspace: str
    model: str
    inputs: list[str]
    lane: Lane = "standard"
    subject: str = ""
    weight: float = 1.0
    deadline_s: float | None = None
    preset: Preset | None = None


class ListModels(msgspec.Struct, tag="models", tag_field="op"):
    pass


class Deploy(msgspec.Struct, tag="deploy", tag_field="op"):
    """Serve what the deployment says under its name, in place of what was served there, once all of it is loaded."""

    deployment: Deployment


class Stats(msgspec.Struct, tag="stats", tag_field="op"):
    pass


class Erase(msgspec.Struct, tag="erase", tag_field="op"):
    """End the scope's requests, and forget and zero all that the engine keeps of its workspace.

    A cache cannot tell whose words a beginning of a prompt is made of: within a workspace everything goes.
    """

    scope: Scope


class Verify(msgspec.Struct, tag="verify", tag_field="op"):
    """Look for what an `Erase` of the scope should have left nowhere."""

    scope: Scope


class Drain(msgspec.Struct, tag="drain", tag_field="op"):
    """Refuse new work with 503, finish what runs, then exit."""

    deadline_s: float = 30.0


Request = Generate | Embed | Tag | ListModels | Deploy | Stats | Drain | Erase | Verify


class TokenLogprob(msgspec.Struct, array_like=True):
    token: str
    token_id: int
    logprob: float
    bytes: list[int] | None = None
    top: list[TokenLogprob] = []


class Delta(msgspec.Struct, array_like=True):
    """A piece of one choice. `tokens` counts the tokens it stands for; `finish_reason` is on a choice's last delta only."""

    index: int
    text: str
    tokens: int = 0
    finish_reason: FinishReason | None = None
    logprobs: list[TokenLogprob] | None = None


class Choice(msgspec.Struct, omit_defaults=True):
    index: int
    text: str
    finish_reason: FinishReason
    logprobs: list[TokenLogprob] | None = None


class Timings(msgspec.Struct, omit_defaults=True, gc=False):
    """Where a completed request's time in the engine went, in seconds. Durations and never times: clocks of two processes do not
    compare."""

    queue_s: float = 0.0
    """Until the step that took it up first."""
    prefill_s: float = 0.0
    """From there to its first token; of an Embed to its last vector."""
    decode_s: float = 0.0
    """From its first token to the last of all its choices."""


class Generated(msgspec.Struct, tag="generated", tag_field="kind", omit_defaults=True):
    """END of a Generate. `choices` is filled only when the request did not stream."""

    prompt_tokens: int
    completion_tokens: int
    choices: list[Choice] = []
    cached_tokens: int = 0
    """Tokens of the prompt that were found in the workspace's cache."""
    version: str = ""
    """First digits of the digest of the weights that answered."""
    timings: Timings | None = None
    """None unless every choice came to its end."""


class Embedded(msgspec.Struct, tag="embedded", tag_field="kind", omit_defaults=True):
    """END of an Embed: `data` is float32 little-endian, row-major [inputs, dimensions]."""

    prompt_tokens: int
    dimensions: int
    data: bytes
    version: str = ""
    timings: Timings | None = None


class Tagged(msgspec.Struct, tag="tagged", tag_field="kind", omit_defaults=True):
    """END of a Tag. Its rows are the tokens of all texts, one text after another, without those that the tokenizer puts around
    a text."""

    prompt_tokens: int
    """Computed: where passages of a long text overlap, more than its tokens."""
    labels: list[str]
    counts: list[int]
    """Rows of each text."""
    scores: bytes
    """Logits, float32 little-endian, row-major [rows, labels]."""
    places: bytes
    """int32 little-endian, row-major [rows, 3]: where the token begins and ends in its text, in code points, and the number of
    its word in the text."""
    version: str = ""
    timings: Timings | None = None


class ServedVersion(Version, frozen=True, omit_defaults=True):
    """A version as an engine serves it. Its folders are nobody else's business and empty."""

    refused: str = ""
    """Why its artifact is not used, and what to do; the reference serves meanwhile. "" where it serves as it says."""


class ModelInfo(msgspec.Struct, omit_defaults=True):
    name: str
    kind: Kind
    architecture: str
    parameters: int
    max_tokens: int
    """Longest prompt plus answer, text, or passage of a text, in tokens."""
    digest: str
    """SHA-256 of the checkpoint's files, hex; where there are several versions, of the one with the largest share."""
    loaded_at: float
    artifact: str = ""
    """Address of the artifact that this one version is computed by; "" for the reference."""
    versions: list[ServedVersion] = []
    """Those that answer under this name, with their digests and shares; none where the name is a cascade."""
    labels: list[str] = []
    """What a tagging model scores."""


class Models(msgspec.Struct, tag="models", tag_field="kind"):
    models: list[ModelInfo]


class Done(msgspec.Struct, tag="done", tag_field="kind"):
    """END of a Deploy or Drain."""


Result = Generated | Embedded | Tagged | Models | StatsReport | Erased | Verified | Done


class EngineError(msgspec.Struct, omit_defaults=True):
    """ERR: what went wrong, in words for the caller and never with a word of the prompt. `status` is the HTTP status it maps to."""

    status: int
    code: str
    message: str
    param: str | None = None
    retry_after_s: float | None = None
