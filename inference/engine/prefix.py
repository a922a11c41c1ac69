"""The prefix index: which blocks hold which beginnings of prompts, and who may find them again. Imports no torch.

A full block is known by a keyed BLAKE2b chain (RFC 7693): the digest of a block covers its tokens and its predecessor's
digest. The key is 32 random bytes drawn here, for each domain and epoch; it never leaves this process. A request can therefore
meet only what its own domain published: another workspace's identical prompt has other digests, and nothing a caller writes can
change that. Drawing a new key makes everything published before unreachable at once.

One index belongs to one model: a new version of the weights starts with an empty one.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import blake2b
from struct import Struct
from typing import NamedTuple

from inference.engine.protocol import CacheScope

BLOCK_TOKENS = 16
DIGEST_BYTES = 16
PUBLIC = ""
"""Owner of the public blocks: no workspace's erasure touches them, and they are evicted after all others."""
_TOKENS = Struct(f"<{BLOCK_TOKENS}i")


class Domain(NamedTuple):
    """Who may meet each other in the index."""

    scope: CacheScope
    workspace: str = PUBLIC
    key: str = ""
    deterministic: bool = False
    """Deterministic requests meet only what deterministic ones computed: other blocks may differ in their last bits."""


@dataclass(slots=True, eq=False)
class _Epoch:
    """A domain's key; replaced, never changed."""

    number: int
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))


class Chain:
    """The digests of one choice's full blocks in its own domain, computed as its tokens become known."""

    __slots__ = ("_epoch", "digests", "domain")

    def __init__(self, domain: Domain, epoch: _Epoch) -> None:
        self.domain = domain
        self._epoch = epoch
        self.digests: list[bytes] = []

    def extend(self, tokens: list[int], blocks: int) -> list[bytes]:
        """The digests of at least the first `blocks` blocks of `tokens`, which must not have changed since the last call."""
        digests, key = self.digests, self._epoch.key
        parent = digests[-1] if digests else bytes(DIGEST_BYTES)
        for start in range(len(digests) * BLOCK_TOKENS, blocks * BLOCK_TOKENS, BLOCK_TOKENS):
            packed = _TOKENS.pack(*tokens[start : start + BLOCK_TOKENS])
            parent = blake2b(parent + packed, digest_size=DIGEST_BYTES, key=key).digest()
            digests.append(parent)
        return digests

    def is_of(self, epoch: _Epoch) -> bool:
        return self._epoch is epoch


@dataclass(frozen=True, slots=True)
class _Entry:
    digest: bytes
    workspace: str


class PrefixIndex:
    """Blocks by digest, and the idle ones of each workspace by age. For the step thread alone."""

    def __init__(self, quota: int) -> None:
        """`quota` is the most idle blocks that one workspace may keep; 0 turns the index off."""
        self._quota = quota
        self._epochs: dict[Domain, _Epoch] = {}
        self._blocks: dict[bytes, int] = {}
        self._entries: dict[int, _Entry] = {}
        self._owned: dict[str, set[int]] = {}
        self._idle: dict[str, OrderedDict[int, None]] = {}
        self._over: set[str] = set()
        self._next_epoch = 1
        self.idle = 0
        """Blocks kept for nobody in particular: they can be evicted."""
        self.queried_tokens = 0
        self.hit_tokens = 0
        self.evictions = 0

    def chain(self, domain: Domain) -> Chain | None:
        """A new chain in the domain; None when its scope keeps nothing."""
        if self._quota == 0 or domain.scope == "request":
            return None
        return Chain(domain, self._epoch(domain))

    def is_current(self, chain: Chain) -> bool:
        """Whether the chain's key is still its domain's: after a `forget` it is not."""
        epoch = self._epochs.get(chain.domain)
        return epoch is not None and chain.is_of(epoch)

    def match(self, chain: Chain, tokens: list[int], unit: int = 1) -> list[int]:
        """The blocks that hold the longest known beginning of `tokens`, at most all but the last token.

        With `unit` only multiples of so many blocks are found. The public blocks are tried beside the chain's own, which must
        be current.
        """
        most = (len(tokens) - 1) // BLOCK_TOKENS
        public = self._public_chain(chain)
        found: list[int] = []
        for count in range(1, most + 1):
            block = self._blocks.get(chain.extend(tokens, count)[count - 1])
            if block is None and public is not None:
                block = self._blocks.get(public.extend(tokens, count)[count - 1])
                if block is None:
                    public = None
            if block is None:
                break
            found.append(block)
        return found[: len(found) // unit * unit]

    def count(self, queried: int, hit: int) -> None:
        """Notes tokens that an admitted request asked for and those it was spared."""
        self.queried_tokens += queried
        self.hit_tokens += hit

    def publish(self, chain: Chain, position: int, tokens: list[int], block: int) -> None:
        """Makes `block` findable as number `position` of the chain, unless an equal one is already or the epoch is over."""
        if block in self._entries or not self.is_current(chain):
            return
        digest = chain.extend(tokens, position + 1)[position]
        if digest not in self._blocks:
            self._blocks[digest] = block
            self._entries[block] = _Entry(digest, chain.domain.workspace)
            self._owned.setdefault(chain.domain.workspace, set()).add(block)

    def keep(self, block: int) -> bool:
        """Whether a block that nobody holds any more stays, because it is in the index."""
        entry = self._entries.get(block)
        if entry is None:
            return False
        kept = self._idle.setdefault(entry.workspace, OrderedDict())
        kept[block] = None
        self.idle += 1
        if len(kept) > self._quota:
            self._over.add(entry.workspace)
        return True

    def take(self, block: int) -> bool:
        """Whether an unheld block was kept; it is no longer idle."""
        entry = self._entries.get(block)
        if entry is None:
            return False
        self._drop_idle(entry.workspace, block)
        return True

    def evict(self, count: int) -> list[int]:
        """Unlinks `count` idle blocks, the oldest of whoever keeps most: a quiet workspace keeps its few."""
        evicted: list[int] = []
        while len(evicted) < count:
            most = max(self._idle, key=lambda workspace: (workspace != PUBLIC, len(self._idle[workspace])))
            evicted += self._evict_from(most, min(count - len(evicted), max(1, len(self._idle[most]) // 4)))
        return evicted

    def over_quota(self) -> list[int]:
        """Unlinks the oldest blocks of those who keep more than their quota."""
        evicted: list[int] = []
        while self._over:
            workspace = self._over.pop()
            evicted += self._evict_from(workspace, max(0, len(self._idle.get(workspace, ())) - self._quota))
        return evicted

    def unlink(self, block: int) -> None:
        """Makes a held block unfindable; does nothing when it is not in the index."""
        entry = self._entries.pop(block, None)
        if entry is not None:
            del self._blocks[entry.digest]
            self._owned[entry.workspace].discard(block)

    def forget(self, workspace: str) -> tuple[list[int], int]:
        """Draws new keys for the workspace and unlinks all its blocks: the idle ones, and how many are still held."""
        for domain in [domain for domain in self._epochs if domain.workspace == workspace]:
            del self._epochs[domain]
        idle = list(self._idle.pop(workspace, ()))
        self.idle -= len(idle)
        owned = self._owned.pop(workspace, set())
        for block in owned:
            del self._blocks[self._entries.pop(block).digest]
        return idle, len(owned) - len(idle)

    def owned(self, workspace: str) -> int:
        """Blocks of the workspace that can be found."""
        return len(self._owned.get(workspace, ()))

    def epoch(self, workspace: str) -> int:
        """Number of the epoch of the workspace's youngest key; 0 when it has none."""
        return max((e.number for domain, e in self._epochs.items() if domain.workspace == workspace), default=0)

    def _epoch(self, domain: Domain) -> _Epoch:
        epoch = self._epochs.get(domain)
        if epoch is None:
            epoch = self._epochs[domain] = _Epoch(self._next_epoch)
            self._next_epoch += 1
        return epoch

    def _public_chain(self, chain: Chain) -> Chain | None:
        """A chain through the public blocks, if there are any for requests of this kind."""
        domain = Domain("public", deterministic=chain.domain.deterministic)
        if chain.domain.scope == "public" or domain not in self._epochs:
            return None
        return Chain(domain, self._epochs[domain])

    def _evict_from(self, workspace: str, count: int) -> list[int]:
        blocks = [block for block, _ in zip(self._idle.get(workspace, ()), range(count), strict=False)]
        for block in blocks:
            self._drop_idle(workspace, block)
            del self._blocks[self._entries.pop(block).digest]
            self._owned[workspace].discard(block)
        if workspace in self._owned and not self._owned[workspace]:
            del self._owned[workspace]
        self.evictions += len(blocks)
        return blocks

    def _drop_idle(self, workspace: str, block: int) -> None:
        kept = self._idle[workspace]
        del kept[block]
        if not kept:
            del self._idle[workspace]
        self.idle -= 1
