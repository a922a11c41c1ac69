"""What callers may send: OpenAI's request bodies as msgspec structs, and the engine's operations made from them.

A field that is not listed is ignored, as OpenAI's own clients send hints a server may not know. A parameter that would change
the answer and is not built is refused by name. `texts` gives everything the caller wrote in free text, in a fixed order, for
redaction; `operations` takes the redacted texts back in the same order, so that nothing else can reach the engine.
"""

from __future__ import annotations

from inference.gateway.chat_request import ChatRequest
from inference.gateway.completion_request import CompletionRequest
from inference.gateway.embedding_request import EmbeddingRequest

__all__ = ["ChatRequest", "CompletionRequest", "EmbeddingRequest", "InferenceRequest"]

InferenceRequest = ChatRequest | CompletionRequest | EmbeddingRequest
