from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from inference.engine import CacheManager

KIB = 1 / 1024
ROOT_KEY = bytes(range(32))
WORKSPACES = st.sampled_from(["a", "b", "c"])
VERSIONS = st.sampled_from(["v1", "v2"])
KEYS = st.integers(0, 6).map(lambda n: bytes([n]))
LEVELS = st.sampled_from(["l1", "l2", "l3"])
QUOTA = 5 * 1024


class CacheMachine(RuleBasedStateMachine):
    """A cache beside a dict of what was last put and not taken back since."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.last: dict[tuple[str, str, bytes], float] = {}
        self.serial = 0
        self.cache = self.open()

    def open(self) -> CacheManager:
        return CacheManager(
            l1_mb=3 * KIB,
            l2_mb=3 * KIB,
            l3_mb=6 * KIB,
            folder=self.folder / "l3",
            key=ROOT_KEY,
            quotas_mb={"a": QUOTA / (1 << 20)},
        )

    def teardown(self) -> None:
        self.cache.close()
        shutil.rmtree(self.folder)

    @rule(workspace=WORKSPACES, version=VERSIONS, key=KEYS, level=LEVELS, floats=st.integers(1, 700))
    def put(self, workspace: str, version: str, key: bytes, level: str, floats: int) -> None:
        self.serial += 1
        kept = self.cache.put(
            key, torch.full((floats,), float(self.serial)), workspace=workspace, version=version, level=level
        )
        self.last.pop((workspace, version, key), None)
        if kept:
            self.last[workspace, version, key] = self.serial

    @rule(workspace=WORKSPACES, version=VERSIONS, key=KEYS)
    def get(self, workspace: str, version: str, key: bytes) -> None:
        found = self.cache.get(key, workspace=workspace, version=version)
        if found is not None:
            assert set(found.tolist()) == {self.last[workspace, version, key]}
            assert self.cache.get(key, workspace=workspace, version=version) is not None

    @rule(workspace=WORKSPACES, version=VERSIONS)
    def invalidate(self, workspace: str, version: str) -> None:
        self.cache.invalidate(workspace=workspace, version=version)
        for name in [name for name in self.last if name[:2] == (workspace, version)]:
            del self.last[name]

    @rule(workspace=WORKSPACES)
    def erase(self, workspace: str) -> None:
        self.cache.erase(workspace)
        assert sum(self.cache.usage(workspace).values()) == 0
        for name in [name for name in self.last if name[0] == workspace]:
            del self.last[name]

    @precondition(lambda self: self.serial)
    @rule()
    def reopen(self) -> None:
        self.cache.close()
        self.cache = self.open()

    @invariant()
    def what_is_held_is_within_bounds_and_accounted_for(self) -> None:
        stats = self.cache.stats()
        usage = [self.cache.usage(workspace) for workspace in ("a", "b", "c")]
        for name, level in stats.levels.items():
            assert level.bytes <= level.capacity
            assert level.bytes == sum(used[name] for used in usage)
            assert (level.entries == 0) == (level.bytes == 0)
        files = [path for path in (self.folder / "l3").glob("*/*.*") if path.is_file()]
        assert len(files) == stats.levels["l3"].entries
        assert sum(path.stat().st_size for path in files) == stats.levels["l3"].bytes
        assert sum(usage[0].values()) <= QUOTA
        assert stats.torn == 0


CacheMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestCacheInvariants = CacheMachine.TestCase
