"""What a workspace stores of a request, sealed."""

from __future__ import annotations

from inference.gateway.errors import ApiError
from inference.gateway.parts import Parts
from inference.gateway.records import Admission
from inference.gateway.transcript import Transcript
from retention.vault import KeyStoreUnavailable, PayloadRow


async def sealed(parts: Parts, admission: Admission, transcript: Transcript) -> PayloadRow | None:
    """The payload's row, to be committed with the outcome; None if the request was erased meanwhile. Raises RedactionError, and
    ApiError 503: a workspace that stores its payloads gets no answer that is not stored."""
    place = admission.grant.workspace
    answer = await parts.long_texts.run(transcript.looked_through, lambda: transcript.answer)
    try:
        return await parts.vault.prepare(place.id, place.organization, admission.number, transcript.prompt, answer)
    except KeyStoreUnavailable:
        message = "This workspace stores its payloads, which cannot be sealed now. Retry."
        raise ApiError(503, "key_store_unavailable", message, retry_after_s=1) from None
