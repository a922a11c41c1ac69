"""A root key in a hardware security module, by PKCS#11: an AES-256 key that cannot be read, named by its label.

The module authenticates `context` itself (CKM_AES_GCM); the key is never in this process. Needs the extra `pkcs11`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import pkcs11
from pkcs11 import KeyType, Mechanism, ObjectClass
from pkcs11 import exceptions as errors

from cell.key_config import Pkcs11Token, RootRef
from cell.keys.identity import named_id
from cell.keys.private_file import read_private
from cell.keys.provider import RootKeyError, RootRefused, RootUnavailable, UnwrapError

_NONCE_BYTES, _TAG_BITS = 12, 128
_Key = Any
"""A handle of the module's; the package's types know half of what it has."""
_REFUSED = (
    errors.NoSuchKey,
    errors.MultipleObjectsReturned,
    errors.PinIncorrect,
    errors.PinLocked,
    errors.PinExpired,
    errors.PinLenRange,
    errors.KeyTypeInconsistent,
    errors.KeyHandleInvalid,
    errors.ObjectHandleInvalid,
)


class Pkcs11Root:
    """The key `ref` of `token`. Looks it up when it is first used, and again after a failure or a fork."""

    def __init__(self, ref: RootRef, token: Pkcs11Token) -> None:
        self.id = named_id(ref)
        self._label, self._login = ref.name, _login_to(token)

    def wrap(self, key: bytes, context: bytes) -> bytes:
        return self._login.ask(self._label, lambda root: _encrypt(root, key, context))

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        return self._login.ask(self._label, lambda root: _decrypt(root, wrapped, context))


class _Login:
    """This process's session with one token. PKCS#11 logs in processes, not sessions: all keys of a token share it."""

    def __init__(self, token: Pkcs11Token) -> None:
        self._token = token
        self._lock = threading.Lock()  # a session runs one operation at a time
        self._session: Any = None
        self._keys: dict[str, _Key] = {}
        self._process = os.getpid()

    def ask(self, label: str, question: Callable[[_Key], bytes]) -> bytes:
        """The answer of the key `label`. Raises UnwrapError, RootRefused or RootUnavailable."""
        with self._lock:
            try:
                return question(self._key(label))
            except RootKeyError as error:
                raise RootRefused(str(error)) from error
            except _REFUSED as error:
                self._close()
                raise RootRefused(f"the PKCS#11 token refuses the key: {type(error).__name__}") from error
            except (pkcs11.PKCS11Error, RuntimeError, OSError) as error:
                self._close()
                raise RootUnavailable(f"the PKCS#11 token does not work: {type(error).__name__}") from error

    def _key(self, label: str) -> _Key:
        if self._process != os.getpid():
            self._session, self._keys, self._process = None, {}, os.getpid()
        if self._session is None:
            pin = read_private(self._token.pin_file, "PIN of the PKCS#11 token").decode().strip()
            self._session = _library(self._token).get_token(token_label=self._token.label).open(user_pin=pin)
        if label not in self._keys:
            self._keys[label] = self._session.get_key(
                object_class=ObjectClass.SECRET_KEY, key_type=KeyType.AES, label=label
            )
        return self._keys[label]

    def _close(self) -> None:
        session, self._session, self._keys = self._session, None, {}
        if session is not None:
            try:
                session.close()
            except (pkcs11.PKCS11Error, RuntimeError):
                return  # it was lost with the token


_initialised: dict[str, int] = {}
"""In which process each module was initialised."""


def _library(token: Pkcs11Token) -> Any:
    """The manufacturer's module. The standard leaves what a forked child inherits undefined: a child begins anew."""
    name = str(token.module)
    library: Any = pkcs11.lib(name)
    if _initialised.setdefault(name, os.getpid()) != os.getpid():
        library.reinitialize()
        _initialised[name] = os.getpid()
    return library


_logins: dict[Pkcs11Token, _Login] = {}
_logins_lock = threading.Lock()


def _login_to(token: Pkcs11Token) -> _Login:
    with _logins_lock:
        return _logins.setdefault(token, _Login(token))


def _encrypt(root: _Key, key: bytes, context: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + bytes(
        root.encrypt(key, mechanism=Mechanism.AES_GCM, mechanism_param=pkcs11.GCMParams(nonce, context, _TAG_BITS))
    )


def _decrypt(root: _Key, wrapped: bytes, context: bytes) -> bytes:
    nonce, sealed = wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]
    if len(sealed) < _TAG_BITS // 8:
        raise UnwrapError("the wrapped key was cut short")
    param = pkcs11.GCMParams(nonce, context, _TAG_BITS)
    try:
        return bytes(root.decrypt(sealed, mechanism=Mechanism.AES_GCM, mechanism_param=param))
    except _REFUSED:
        raise
    except pkcs11.PKCS11Error as error:
        # Modules say "bad tag" in many ways, a general error among them. One that still does what it should was given
        # something that is not its own; one that does not raises here again, as not working.
        probe = _encrypt(root, b"probe", b"")
        root.decrypt(
            probe[_NONCE_BYTES:],
            mechanism=Mechanism.AES_GCM,
            mechanism_param=pkcs11.GCMParams(probe[:_NONCE_BYTES], b"", _TAG_BITS),
        )
        raise UnwrapError("the wrapped key was altered, or belongs to another place or root") from error
