"""Texts or token ids, one or many, as the older endpoints take them."""

from __future__ import annotations

from typing import Any

from inference.gateway.errors import invalid


def as_inputs(given: str | list[Any], param: str, most: int) -> list[Any]:
    """One text, many texts, one token list or many token lists, as a list of texts or of token lists."""
    if isinstance(given, str):
        return [given]
    if not given:
        raise invalid(f"'{param}' must not be empty.", param)
    first = type(given[0])
    if any(type(item) is not first for item in given):
        raise invalid(f"'{param}' must be all texts or all token ids.", param)
    if first is int:
        return [given]
    if len(given) > most:
        raise invalid(f"'{param}' may hold at most {most} items. Send several requests.", param)
    if [] in given:
        raise invalid(f"An item of '{param}' must not be empty.", param)
    return given
