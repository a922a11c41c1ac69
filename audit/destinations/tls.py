"""TLS to a destination: always verified, 1.2 or newer, and with our own certificate where the receiver asks for one."""

from __future__ import annotations

import os
import socket
import ssl
from dataclasses import dataclass, field

from audit.destinations.addresses import Reach
from audit.destinations.errors import Misconfigured, Unreachable, Untrusted

CONNECT_S = 5.0


@dataclass(frozen=True, slots=True)
class Identity:
    """Our side of mutual TLS."""

    certificate: str
    """PEM, with the chain up to what the receiver knows."""
    key: str = field(repr=False)
    """PEM, not encrypted."""


def context(ca: str | None, identity: Identity | None = None) -> ssl.SSLContext:
    """Trusts `ca` (PEM) alone, or, without one, what the machine trusts. Raises Misconfigured."""
    try:
        found = ssl.create_default_context(cadata=ca)
        if ca is not None and not ca.strip():
            raise ValueError("an empty text would stand for what the machine trusts")
    except (ssl.SSLError, ValueError):
        raise Misconfigured("the pinned authority is not a certificate in PEM") from None
    found.minimum_version = ssl.TLSVersion.TLSv1_2
    # Some releases of Python 3.11 set it themselves; a connection that somebody cut would pass for one that was ended.
    found.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    found.keylog_filename = None  # type: ignore[assignment]  # whatever SSLKEYLOGFILE says; typed as if it could not be unset
    if identity is not None:
        _load(found, identity)
    return found


def connect(host: str, port: int, reach: Reach, trusted: ssl.SSLContext, timeout_s: float = CONNECT_S) -> ssl.SSLSocket:
    """A connection to an address of `host` that may be sent to, whose certificate is of `host`.

    Raises Unreachable, Untrusted or Forbidden.
    """
    failure = ""
    for address in reach.addresses(host, port):
        try:
            plain = socket.create_connection((address, port), timeout_s)
        except OSError as error:
            failure = type(error).__name__
            continue
        try:
            # An end that is not the receiver's own raises, and does not pass for the end of an answer.
            return trusted.wrap_socket(plain, server_hostname=host, suppress_ragged_eofs=False)
        except ssl.SSLCertVerificationError as error:
            plain.close()
            raise Untrusted(f"the destination's certificate is not trusted: {error.verify_message}") from None
        except OSError as error:
            plain.close()
            failure = type(error).__name__
    raise Unreachable(f"the destination does not answer ({failure})")


def _load(found: ssl.SSLContext, identity: Identity) -> None:
    """OpenSSL reads certificates and keys from files alone: this one is in memory, and nobody else's."""
    descriptor = os.memfd_create("identity", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "wb", closefd=True) as file:
        file.write(f"{identity.key.strip()}\n{identity.certificate.strip()}\n".encode())
        file.flush()
        try:
            found.load_cert_chain(f"/proc/self/fd/{descriptor}", password=_no_password)
        except (ssl.SSLError, OSError, ValueError):
            raise Misconfigured("our certificate and its key do not belong together, or are not in PEM") from None


def _no_password() -> str:
    # Without this OpenSSL would ask at the terminal.
    raise ValueError("the key is encrypted")
