"""The lanes that requests travel in, at the gateway and in the engine."""

from __future__ import annotations

from typing import Literal

Lane = Literal["realtime", "standard", "batch"]
LANES: tuple[Lane, ...] = ("realtime", "standard", "batch")
"""Highest first."""
