"""Answers kept at three levels: l1 on the device, l2 in (pinned) host memory, l3 sealed on disk."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch

from inference.engine.library.cache_keys import RootKey, Secret, joined
from inference.engine.library.cache_ladder import L1, L3, NAMES, CacheLadder
from inference.engine.library.cache_level import Entry
from inference.engine.library.cache_stats import CacheReceipt, CacheStats, LevelStats
from inference.engine.library.errors import CacheError
from inference.engine.library.packed import Unpackable, pack
from inference.engine.library.pytree import feed
from inference.engine.library.sealed_folder import SealedFolder

MIB = 1 << 20


class CacheManager:
    """Thread-safe, with one lock over everything, reads of l3 included.

    An entry belongs to a workspace and a model version, and only both with its key find it: names are derived here under a
    secret of the workspace. A found entry rises to l1, an old one sinks a level; memory that an entry leaves is zeroed. Values are
    trees of tensors; what `get` returns is a copy on `device`.
    """

    def __init__(
        self,
        *,
        l1_mb: float = 512,
        l2_mb: float = 2048,
        l3_mb: float = 0,
        folder: Path | str | None = None,
        key: bytes | None = None,
        device: torch.device | str = "cpu",
        workspace_quota_mb: float | None = None,
        quotas_mb: Mapping[str, float] | None = None,
    ) -> None:
        """Sizes in MiB. `folder` is where l3 keeps its files and needs `l3_mb`; with a `key` of 32 bytes they serve the next
        process too, without one they are removed when this one ends. A quota bounds what a workspace has at all levels together;
        `quotas_mb` overrides `workspace_quota_mb` by workspace. Raises CacheError."""
        if (folder is None) != (l3_mb == 0):
            raise CacheError("l3 needs both a folder and l3_mb; give both or neither")
        if key is not None and len(key) != 32:
            raise CacheError("the cache's key must be 32 bytes; make one with os.urandom(32)")
        if min(l1_mb, l2_mb, l3_mb) < 0:
            raise CacheError("the sizes of the levels must not be negative")
        self._device = torch.device(device)
        self._quota = workspace_quota_mb
        self._quotas = dict(quotas_mb or {})
        self._root = RootKey(key)
        self._secrets: dict[str, Secret] = {}
        self._lock = threading.RLock()
        self._hits = self._misses = self._refused = 0
        self._closed = False
        sealed = None if folder is None else SealedFolder(Path(folder), self._root)
        self._ladder = CacheLadder((int(l1_mb * MIB), int(l2_mb * MIB), int(l3_mb * MIB)), sealed, self._device)

    def key_for(self, value: Any, *, workspace: str) -> bytes:
        """A key for an input: keyed BLAKE2b over its structure, shapes, types and bytes, meaningless in another workspace."""
        with self._lock:
            state = self._secret(workspace).input_hash()
        feed(state, value)
        return state.digest()

    def epoch(self, workspace: str) -> int:
        """Rises with every erasure of the workspace; give it to `put` for a value that was computed meanwhile."""
        with self._lock:
            return self._secret(workspace).epoch

    def get(self, key: bytes, *, workspace: str, version: str, level: str | None = None) -> Any:
        """The value, or None. Looks at all levels, or at `level` alone."""
        only = None if level is None else _number(level)
        with self._lock:
            wanted = self._entry(key, workspace, version)
            for number, entry in list(self._ladder.at(wanted.owner, wanted.name)):
                if only is not None and number != only:
                    continue
                packed = self._ladder.content(number, entry, wanted)
                if packed is not None:
                    self._hits += 1
                    self._ladder.levels[number].hits += 1
                    value = packed.unpack(self._device)
                    self._ladder.promote(number, entry, packed, wanted, self._quota_of(workspace))
                    return value
            self._misses += 1
            return None

    def put(
        self, key: bytes, value: Any, *, workspace: str, version: str, level: str = "l1", epoch: int | None = None
    ) -> bool:
        """Keeps a value at `level` or, where that cannot hold it, below, in place of an earlier one; returns whether it was kept.
        With an `epoch` that an erasure has ended meanwhile it is not."""
        first = _number(level)
        with self._lock:
            entry = self._entry(key, workspace, version)
            if epoch is not None and entry.secret is not None and epoch != entry.secret.epoch:
                self._refused += 1
                return False
            for number, earlier in list(self._ladder.at(entry.owner, entry.name)):
                self._ladder.drop(number, earlier)
            try:
                entry.packed = pack(value, self._device, pinned=False)
            except Unpackable:
                self._refused += 1
                return False
            entry.size = entry.packed.size
            quota = self._quota_of(workspace)
            kept = (quota is None or self._ladder.make_room(entry, quota)) and self._ladder.place(first, entry)
            if not kept:
                entry.wipe()
                self._refused += 1
            return kept

    def invalidate(self, key: bytes | None = None, *, workspace: str | None = None, version: str | None = None) -> int:
        """Forgets the entry of a key, or all of a workspace, of a version, of both, or everything; returns how many. A key means
        something only with its workspace and version: raises CacheError without them."""
        with self._lock:
            name = None
            if key is not None:
                if workspace is None or version is None:
                    raise CacheError("a key belongs to a workspace and a version; give both")
                name = self._entry(key, workspace, version).name
            owner = None if workspace is None else self._root.owner(workspace)
            tag = None if version is None else self._root.version_tag(version)
            gone = set()
            for number, level in enumerate(self._ladder.levels):
                for entry in level.entries(owner):
                    if (tag is None or entry.version == tag) and (name is None or entry.name == name):
                        self._ladder.drop(number, entry)
                        gone.add((entry.owner, entry.name))
            return len(gone)

    def erase(self, workspace: str) -> CacheReceipt:
        """Wipes all that is kept for a workspace: its secret first, so that nothing of it can be found or opened from then on, then
        memory, zeroed, and files, overwritten and removed."""
        began = datetime.now(UTC)
        with self._lock:
            owner = self._root.owner(workspace)
            secret = self._secret(workspace)
            epoch = secret.epoch
            secret.rotate()
            counts, sizes = self._ladder.erase(owner)
        return CacheReceipt(workspace, epoch, 1, counts, sizes, began, datetime.now(UTC))

    def usage(self, workspace: str) -> dict[str, int]:
        """Bytes that a workspace has at each level."""
        with self._lock:
            owner = self._root.owner(workspace)
            return {level.name: level.bytes_of(owner) for level in self._ladder.levels}

    def stats(self) -> CacheStats:
        with self._lock:
            ladder = self._ladder
            levels = {
                level.name: LevelStats(len(level), level.used, level.capacity, level.hits, level.evictions)
                for level in ladder.levels
            }
            return CacheStats(
                levels, self._hits, self._misses, ladder.torn, ladder.promotions, ladder.demotions, self._refused
            )

    def close(self) -> None:
        """Zeroes the memory levels and the secrets; with a key that was given, what is in memory goes to its files first, without
        one the files are removed. A closed cache cannot be used; closing twice does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            ladder = self._ladder
            for number in range(L1, L3):
                for entry in ladder.levels[number].entries():
                    ladder.levels[number].take(entry)
                    if not (self._root.given and ladder.place(L3, entry)):
                        entry.wipe()
            if ladder.folder is not None:
                ladder.folder.close(empty=not self._root.given)
            for secret in self._secrets.values():
                secret.wipe()
            self._root.wipe()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _entry(self, key: bytes, workspace: str, version: str) -> Entry:
        """What an entry is called and sealed by, without a value."""
        secret = self._secret(workspace)
        bound = joined(workspace.encode(), version.encode(), key)
        tag = self._root.version_tag(version)
        return Entry(self._root.owner(workspace), secret.name(version, key), tag, 0, None, secret, bound)

    def _secret(self, workspace: str) -> Secret:
        if self._closed:
            raise CacheError("the cache is closed; make a new one")
        secret = self._secrets.get(workspace)
        if secret is None:
            folder = self._ladder.folder
            secret = Secret() if folder is None else folder.secret(self._root.owner(workspace))
            self._secrets[workspace] = secret
        return secret

    def _quota_of(self, workspace: str) -> int | None:
        quota = self._quotas.get(workspace, self._quota)
        return None if quota is None else int(quota * MIB)


def _number(level: str) -> int:
    if level not in NAMES:
        raise CacheError(f"{level!r} is no level of the cache; there are {', '.join(NAMES)}")
    return NAMES.index(level)
