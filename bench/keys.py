"""What it costs to seal a payload, besides the cipher: a data key of its own, wrapped, and two envelopes bound to their place.

The cipher is AES-256-GCM over the same bytes under a key that is ready, with a nonce that is ready. Both are measured in turns,
`ROUNDS` times, in CPU time, since a machine that is shared says little by the clock; the median of the differences is
reported. Making the data key durable is not in it: that is one row of a group commit, which `keys/durable` measures with 64
requests in flight.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from statistics import median
from time import perf_counter, thread_time

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bailiwick.embedded.cluster import Cluster
from bench.peers.clusters import running_cluster
from bench.report import Measure, Options, at_most
from cell.config import load
from cell.ids import uuid7
from cell.keys import open_keys
from cell.keys.envelope import Context, seal, unseal
from cell.keystore import hierarchy
from cell.keystore.ring import KeyRing

ROUNDS = 15
PAYLOADS = 2_000
PROMPT, ANSWER = os.urandom(2048), os.urandom(1024)
"""Bytes; about 500 tokens and 250."""
IN_FLIGHT = 64
_MICRO = 1e6


def run(options: Options) -> Iterator[Measure]:
    options.say(f"sealing {PAYLOADS} payloads, {ROUNDS} times")
    yield at_most("keys/sealing_besides_the_cipher", _besides(_seal, _encrypt), "us", 10, samples=ROUNDS)
    yield at_most("keys/opening_besides_the_cipher", _besides(_open(), _decrypt()), "us", 10, samples=ROUNDS)
    yield Measure("keys/durable", _durable(options), "1/s", samples=1)


def _besides(ours: Callable[[], object], cipher: Callable[[], object]) -> float:
    """Microseconds that `ours` takes longer than `cipher`."""
    return median(_mean(ours) - _mean(cipher) for _ in range(ROUNDS))


def _mean(action: Callable[[], object]) -> float:
    began = thread_time()
    for _ in range(PAYLOADS):
        action()
    return (thread_time() - began) / PAYLOADS * _MICRO


_EPOCH_KEY, _WORKSPACE, _REQUEST = AESGCM(os.urandom(32)), uuid7(), uuid7()
_READY, _NONCE = AESGCM(os.urandom(32)), os.urandom(12)


def _seal() -> tuple[bytes, bytes, bytes]:
    """As the gateway does with every payload that is stored: cell.keystore.ring and retention.vault."""
    key = hierarchy.new_key()
    cipher = AESGCM(key)
    return (
        hierarchy.wrap_data_key(_EPOCH_KEY, key, _WORKSPACE, _REQUEST),
        seal(cipher, _REQUEST, PROMPT, Context(_WORKSPACE, _REQUEST, "prompt")),
        seal(cipher, _REQUEST, ANSWER, Context(_WORKSPACE, _REQUEST, "answer")),
    )


def _encrypt() -> None:
    _READY.encrypt(_NONCE, PROMPT, None)
    _READY.encrypt(_NONCE, ANSWER, None)


def _open() -> Callable[[], object]:
    key = hierarchy.new_key()
    prompt, answer = Context(_WORKSPACE, _REQUEST, "prompt"), Context(_WORKSPACE, _REQUEST, "answer")
    wrapped = hierarchy.wrap_data_key(_EPOCH_KEY, key, _WORKSPACE, _REQUEST)
    sealed = seal(AESGCM(key), _REQUEST, PROMPT, prompt), seal(AESGCM(key), _REQUEST, ANSWER, answer)

    def opened() -> tuple[bytes, bytes]:
        found = AESGCM(hierarchy.unwrap_data_key(_EPOCH_KEY, wrapped, _WORKSPACE, _REQUEST))
        return unseal(found, sealed[0], prompt), unseal(found, sealed[1], answer)

    return opened


def _decrypt() -> Callable[[], object]:
    sealed = _READY.encrypt(_NONCE, PROMPT, None), _READY.encrypt(_NONCE, ANSWER, None)

    def decrypted() -> tuple[bytes, bytes]:
        return _READY.decrypt(_NONCE, sealed[0], None), _READY.decrypt(_NONCE, sealed[1], None)

    return decrypted


def _durable(options: Options) -> float:
    """Data keys a second, each in the key store before it is given; fsync on."""
    with running_cluster() as cluster:
        options.say(f"data keys for {options.seconds:.0f} s, {IN_FLIGHT} in flight")
        return asyncio.run(_data_keys(cluster, options.seconds))


async def _data_keys(cluster: Cluster, seconds: float) -> float:
    config, workspace = load(cluster.environ()), uuid7()
    ring = KeyRing(config.keystore_database.conninfo, open_keys(config.keys))
    await ring.data_key(workspace, uuid7())
    began, made = perf_counter(), 0

    async def ask() -> None:
        nonlocal made
        while perf_counter() - began < seconds:
            await ring.data_key(workspace, uuid7())
            made += 1

    await asyncio.gather(*(ask() for _ in range(IN_FLIGHT)))
    taken = perf_counter() - began
    await ring.close()
    return made / taken
