from __future__ import annotations

from tests.inference.engine.library.caches import opened

__all__ = ["opened"]
