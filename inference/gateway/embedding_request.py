"""Bodies of `/v1/embeddings`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import msgspec

from inference.engine.lanes import Lane
from inference.engine.protocol import Embed
from inference.gateway.errors import invalid
from inference.gateway.inputs import as_inputs
from inference.gateway.sampled_request import Positive, SubjectName, TokenId

MAX_INPUTS = 2048


class EmbeddingRequest(msgspec.Struct, kw_only=True):
    model: str
    input: str | list[str | TokenId | list[TokenId]]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Positive | None = None
    user: SubjectName | None = None
    safety_identifier: SubjectName | None = None

    kind: ClassVar[str] = "embedding"
    model_kind: ClassVar[str] = "embedding"
    stream: ClassVar[bool] = False

    def check(self) -> None:
        """What the types cannot say. Raises ApiError."""
        self.input = as_inputs(self.input, "input", MAX_INPUTS)
        if "" in self.input:
            raise invalid("An input must not be empty.", "input")

    @property
    def token_inputs(self) -> bool:
        return not isinstance(self.input[0], str)

    def parts(self) -> Iterator[tuple[str, str]]:
        """Every text with the part of the request that it is, as redaction policies name them."""
        return (("input", item) for item in self.input if isinstance(item, str))

    def operations(self, texts: list[str], request: str, workspace: str, lane: Lane) -> list[Embed]:
        inputs: Any = texts if not self.token_inputs else self.input
        return [
            Embed(
                request=request,
                workspace=workspace,
                model=self.model,
                inputs=inputs,
                dimensions=self.dimensions,
                lane=lane,
            )
        ]
