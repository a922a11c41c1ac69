"""Syslog (RFC 5424) over mutual TLS (RFC 5425), each message counted in octets.

The protocol has no acknowledgement: a client whose certificate is refused after the handshake sends without an error, into nothing.
What there is instead, and all of it is asked for:

- nothing comes back for a moment after the handshake, where a receiver that does not know us closes;
- after the last message we close our side (RFC 5425, 4.4), and the receiver then closes its own: with a close_notify as the RFC
  wants it, or, as rsyslog does, without, but then in order: a kernel whose program leaves bytes unread resets the connection;
- its kernel has acknowledged every byte.

Then the receiver has read everything. That it keeps it is its word alone, so `Evidence.TAKEN` is the weakest.
"""

from __future__ import annotations

import fcntl
import hashlib
import socket
import ssl
import struct
import termios
import time

from audit.destinations.addresses import Reach
from audit.destinations.errors import Unacknowledged
from audit.destinations.interface import Batch, Evidence, Item, Receipt
from audit.destinations.tls import connect

PORT = 6514
"""RFC 5425's."""
WITHIN_S = 30.0
_FACILITY = 13
"""Log audit."""
_SEVERITIES = {1: 6, 2: 5, 3: 4, 4: 3, 5: 2}
"""From informational and notice to critical, as RFC 5424 counts."""
_LONGEST_HOST, _LONGEST_MSGID = 255, 32
_BOM = b"\xef\xbb\xbf"
_PIECE = 1 << 16
_LISTEN_S = 1.0
_POLL_S = 0.02


class SyslogDestination:
    def __init__(self, host: str, port: int, reach: Reach, trusted: ssl.SSLContext, within_s: float = WITHIN_S) -> None:
        self._host, self._port, self._reach, self._trusted, self._within_s = host, port, reach, trusted, within_s

    def send(self, batch: Batch) -> Receipt:
        body = encode(batch)
        deadline = time.monotonic() + self._within_s
        with connect(self._host, self._port, self._reach, self._trusted) as session:
            try:
                _listen(session)
                for start in range(0, len(body), _PIECE):
                    session.settimeout(_left(deadline))
                    session.sendall(body[start : start + _PIECE])
                session.settimeout(_left(deadline))
                _close(session)
                while _unacknowledged(session):
                    time.sleep(min(_POLL_S, _left(deadline)))
            except (OSError, ValueError) as error:
                raise Unacknowledged(
                    f"the receiver did not take everything ({type(error).__name__}): does it know our certificate?"
                ) from None
        return Receipt(Evidence.TAKEN, hashlib.sha256(body).hexdigest())


def _listen(session: ssl.SSLSocket) -> None:
    """Raises OSError if the receiver closes or complains at once."""
    session.settimeout(_LISTEN_S)
    try:
        session.recv(1)
    except TimeoutError:
        return
    raise ConnectionAbortedError


def _close(session: ssl.SSLSocket) -> None:
    """Ends our side and waits for the end of theirs. Raises OSError if that is not in order."""
    try:
        session.unwrap()
    except ssl.SSLError as ended:
        # The end of the stream without a close_notify, which some releases of Python 3.11 have no class for.
        if not isinstance(ended, ssl.SSLEOFError) and ended.reason != "UNEXPECTED_EOF_WHILE_READING":
            raise
        if error := session.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(error, "the connection was reset") from None


def _unacknowledged(session: ssl.SSLSocket) -> int:
    """Bytes that the other kernel has not acknowledged; if the connection was reset, those that it never will."""
    (count,) = struct.unpack("i", fcntl.ioctl(session.fileno(), termios.TIOCOUTQ, struct.pack("i", 0)))
    return int(count)


def encode(batch: Batch) -> bytes:
    """The messages of a batch, one after the other, each after its length (RFC 5425, 4.3)."""
    return b"".join([b"%d %s" % (len(message), message) for message in (_message(batch, item) for item in batch.items)])


def _message(batch: Batch, item: Item) -> bytes:
    priority = _FACILITY * 8 + _SEVERITIES[item.severity]
    host = _word(batch.region, _LONGEST_HOST)
    kind = _word(batch.format.value, _LONGEST_MSGID)
    # Said to be UTF-8 only where it has to be: most readers of JSON stumble over the mark.
    text = item.line if item.line.isascii() else _BOM + item.line
    return (
        b"<%d>1 %s %s bailiwick - %s " % (priority, item.time.encode(), host, kind)
        + b'[origin software="bailiwick"] '
        + text
    )


def _word(text: str, longest: int) -> bytes:
    """PRINTUSASCII, or the dash that stands for nothing (RFC 5424, 6)."""
    if text and text.isascii() and text.isprintable() and " " not in text and len(text) <= longest:
        return text.encode()
    return b"-"


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
