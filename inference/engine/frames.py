"""The wire between a gateway and an engine: typed frames on one stream socket.

A frame is ``u32 length | u32 stream | u8 type | payload``, integers big-endian; *length* counts everything after itself.
The payload is msgpack. One connection carries many streams; the gateway picks stream ids and never reuses one while it is
open. Every ``REQ`` is answered by any number of ``CHUNK`` frames and then by **exactly one** terminal frame, ``END`` or
``ERR``, also when it was cancelled; nothing follows the terminal frame of a stream.

Flow control: a stream starts with `INITIAL_CREDIT` chunks; the gateway grants more with ``CREDIT``. An engine that has no
credit keeps generating up to a bound and coalesces text, so a slow reader pauses only itself.
"""

from __future__ import annotations

import struct
from enum import IntEnum

import msgspec

from inference.engine.protocol import Delta, EngineError, Request, Result

HEADER = struct.Struct(">IIB")
"""Length, stream id, type. `length` = 5 + len(payload)."""
MAX_FRAME_BYTES = 32 * 1024 * 1024
INITIAL_CREDIT = 64


class FrameType(IntEnum):
    REQ = 1
    CHUNK = 2
    END = 3
    ERR = 4
    CANCEL = 5
    CREDIT = 6


class ProtocolError(Exception):
    """The peer broke the framing; the connection is closed."""


_encoder = msgspec.msgpack.Encoder()
_request_decoder: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_result_decoder: msgspec.msgpack.Decoder[Result] = msgspec.msgpack.Decoder(Result)
_chunk_decoder = msgspec.msgpack.Decoder(list[Delta])
_error_decoder = msgspec.msgpack.Decoder(EngineError)


def frame(stream: int, kind: FrameType, payload: object = None) -> bytes:
    """One frame's bytes. `payload` is a Struct, a list of Delta (CHUNK), an int (CREDIT) or None (CANCEL)."""
    body = b"" if payload is None else _encoder.encode(payload)
    return HEADER.pack(5 + len(body), stream, kind) + body


def decode_request(payload: bytes | memoryview) -> Request:
    return _request_decoder.decode(payload)


def decode_result(payload: bytes | memoryview) -> Result:
    return _result_decoder.decode(payload)


def decode_chunk(payload: bytes | memoryview) -> list[Delta]:
    return _chunk_decoder.decode(payload)


def decode_error(payload: bytes | memoryview) -> EngineError:
    return _error_decoder.decode(payload)


def decode_credit(payload: bytes | memoryview) -> int:
    return msgspec.msgpack.decode(payload, type=int)


class FrameReader:
    """Cuts a byte stream into frames: `feed` bytes as they come, get whole frames out."""

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self._buffer = bytearray()
        self._max = max_frame_bytes

    def feed(self, data: bytes | memoryview) -> list[tuple[int, FrameType, bytes]]:
        """Raises ProtocolError for a frame that is too long or of an unknown type."""
        buffer = self._buffer
        buffer += data
        frames = []
        start = 0
        while len(buffer) - start >= HEADER.size:
            length, stream, kind = HEADER.unpack_from(buffer, start)
            if not 5 <= length <= self._max:
                raise ProtocolError(f"frame of {length} bytes; at most {self._max} are accepted")
            end = start + 4 + length
            if len(buffer) < end:
                break
            try:
                frames.append((stream, FrameType(kind), bytes(buffer[start + HEADER.size : end])))
            except ValueError:
                raise ProtocolError(f"unknown frame type {kind}") from None
            start = end
        if start == len(buffer):
            self._buffer = bytearray()  # the old one would keep what was in it
        elif start:
            del buffer[:start]
        return frames
