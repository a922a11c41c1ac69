"""`bailiwick tour`: the whole job once, through a running cell's public API alone, with what really came back."""

from bailiwick.tour.tour import run

__all__ = ["run"]
