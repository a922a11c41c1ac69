"""A group around attention over a cache, as a launch."""

from __future__ import annotations

import torch

from compiler.backends.triton.capabilities import Capabilities
from compiler.backends.triton.linears import FLOATS
from compiler.backends.triton.plans import Argument, Launch, Scratch, numbers, require, title_of
from compiler.backends.triton.sources import Constant, from_template
from compiler.backends.triton.tiles import LEAST, MOST_ROWS, PromptTile, Reach, power_above, prompt_tile, reach
from compiler.schedule.group import Group


def launch(group: Group, device: Capabilities, *, cut: Reach | None = None, upcast: bool = False) -> Launch:
    """Raises NotPlanned."""
    if group.anchor.op == "paged_attention":
        return _over_pages(group, device, cut, upcast)
    if group.anchor.op == "ragged_attention":
        return _within_texts(group, device, upcast)
    return _over_places(group, device, cut, upcast)


def _over_places(group: Group, device: Capabilities, cut: Reach | None, upcast: bool) -> Launch:
    anchor = group.anchor
    require(anchor.op == "cached_attention" and group.values[0] is anchor, "attention that is not over a cache")
    q, k, v, positions = anchor.args
    texts, heads, tokens, head = numbers(q.shape)
    groups, places = numbers(k.shape)[1:3]
    require(k.shape == v.shape, "keys as wide as values")
    require(q.dtype == k.dtype == v.dtype and q.dtype in FLOATS, f"queries of {q.dtype} over a cache of {k.dtype}")
    share = heads // groups
    require(share <= MOST_ROWS, f"{share} heads share keys")
    tile = None if tokens * share <= MOST_ROWS else prompt_tile(head, q.dtype, device)
    block_q = tokens if tile is None else _tokens_in(tile, share)
    tiles = -(-tokens // block_q)
    rows, programs = _rows(block_q, share), texts * groups * tiles
    cut = cut or reach(programs, rows, places, head, device, tile)
    found = constants(
        heads=heads,
        groups=groups,
        head=head,
        tokens=tokens,
        block_q=block_q,
        cut=cut,
        scale=anchor["scale"],
        upcast=upcast,
    ) | {"PLACES": places, "BY_TOKEN": _by_token(group)}
    source = from_template("attention", title_of(group), found)
    arguments: tuple[Argument, ...] = q, k, v, None, positions, group.outputs[0]
    own = scratch(programs, rows, head, cut)
    grid = texts * groups, cut.split, tiles
    return Launch(group, source, grid, (*arguments, *own), found, cut.warps, cut.stages, cut)


def _over_pages(group: Group, device: Capabilities, cut: Reach | None, upcast: bool) -> Launch:
    anchor = group.anchor
    q, cache, tables, _, _ = anchor.args
    _alone(group, "paged_attention")
    tokens, heads, _ = numbers(q.shape)
    share = 2 * heads // numbers(cache.shape)[1]
    require(q.dtype == cache.dtype and q.dtype in FLOATS, f"queries of {q.dtype} over pages of {cache.dtype}")
    require(share <= MOST_ROWS, f"{share} heads share keys")
    pages: dict[str, Constant] = {
        "PAGE": int(anchor["block"]),
        "PAGES": numbers(tables.shape)[1],
        "WINDOW": int(anchor["window"]),
    }
    if tokens > MOST_ROWS:
        return _prompts(group, pages, share, device, upcast)
    return _answers(group, pages, share, device, cut, upcast)


def _answers(
    group: Group, pages: dict[str, Constant], share: int, device: Capabilities, cut: Reach | None, upcast: bool
) -> Launch:
    """Each token by itself, also where neighbours of a prompt could attend together: of few tokens, keys take the time."""
    q, cache, tables, lengths, _ = group.anchor.args
    tokens, heads, head = numbers(q.shape)
    groups, places = heads // share, int(pages["PAGES"]) * int(pages["PAGE"])
    rows = _rows(1, share)
    cut = cut or reach(tokens * groups, rows, places, head, device)
    found = constants(
        heads=heads, groups=groups, head=head, tokens=1, block_q=1, cut=cut, scale=group.anchor["scale"], upcast=upcast
    ) | {"PLACES": places, "PAGED": True, **pages}
    source = from_template("attention", title_of(group), found)
    arguments: tuple[Argument, ...] = q, cache, cache, tables, lengths, group.outputs[0]
    own = scratch(tokens * groups, rows, head, cut)
    grid = tokens * groups, cut.split, 1
    return Launch(group, source, grid, (*arguments, *own), found, cut.warps, cut.stages, cut)


def _prompts(group: Group, pages: dict[str, Constant], share: int, device: Capabilities, upcast: bool) -> Launch:
    """Neighbours together, and answers beside them each alone."""
    q, cache, tables, lengths, pieces = group.anchor.args
    tokens, heads, head = numbers(q.shape)
    tile = prompt_tile(head, q.dtype, device)
    block_q = _tokens_in(tile, share)
    found: dict[str, Constant] = {
        "TOKENS": tokens,
        "HEADS": heads,
        "GROUPS": heads // share,
        "HEAD": head,
        **pages,
        "SCALE": float(group.anchor["scale"]),
        "LONE": MOST_ROWS,
        "BLOCK_Q": block_q,
        "BLOCK_L": _rows(1, share),
        "BLOCK_R": _rows(block_q, share),
        "BLOCK_D": max(LEAST, power_above(head)),
        "BLOCK_P": tile.places,
        "STAGES": tile.stages,
        "UPCAST": upcast,
    }
    source = from_template("prompts", title_of(group), found)
    grid = MOST_ROWS + -(-tokens // block_q), heads // share, 1
    arguments: tuple[Argument, ...] = q, cache, cache, tables, lengths, pieces, group.outputs[0]
    return Launch(group, source, grid, arguments, found, tile.warps, tile.stages)


def _tokens_in(tile: PromptTile, share: int) -> int:
    """The largest power of two of tokens whose rows, each with those of `share` heads, are in a tile."""
    return max(1, power_above(tile.rows // share + 1) // 2)


def _rows(tokens: int, share: int) -> int:
    """As tensor cores take them."""
    return max(LEAST, power_above(tokens * share))


def _within_texts(group: Group, device: Capabilities, upcast: bool) -> Launch:
    anchor = group.anchor
    qkv, starts, ends = anchor.args
    _alone(group, "ragged_attention")
    require(qkv.dtype in FLOATS, f"attention of {qkv.dtype}")
    tokens, width = numbers(anchor.shape)
    texts, heads = numbers(starts.shape)[0], int(anchor["heads"])
    head = width // heads
    tile = prompt_tile(head, qkv.dtype, device)
    rows = min(tile.rows, max(LEAST, power_above(tokens)))
    found: dict[str, Constant] = {
        "TOKENS": tokens,
        "TEXTS": texts,
        "HEADS": heads,
        "HEAD": head,
        "SCALE": float(anchor["scale"]),
        "BLOCK_R": rows,
        "BLOCK_D": max(LEAST, power_above(head)),
        "BLOCK_P": min(tile.places, max(LEAST, power_above(tokens))),
        "BLOCK_T": min(64, power_above(texts)),
        "STAGES": tile.stages,
        "UPCAST": upcast,
    }
    source = from_template("ragged", title_of(group), found)
    arguments: tuple[Argument, ...] = qkv, starts, ends, group.outputs[0]
    return Launch(group, source, (-(-tokens // rows), heads, 1), arguments, found, tile.warps, tile.stages)


def _alone(group: Group, op: str) -> None:
    """That nothing but another view of it follows attention. Raises NotPlanned."""
    require(group.values[0] is group.anchor, f"something before {op}")
    require(all(value.op == "reshape" for value in group.values[1:]), f"something after {op}")
    require(group.outputs == (group.values[-1],), f"{op} has one result")


def constants(
    *, heads: int, groups: int, head: int, tokens: int, block_q: int, cut: Reach, scale: float, upcast: bool
) -> dict[str, Constant]:
    """Of a cache without pages; who has pages changes what is about them."""
    return {
        "TOKENS": tokens,
        "HEADS": heads,
        "GROUPS": groups,
        "HEAD": head,
        "PLACES": 0,
        "PAGED": False,
        "PAGE": 1,
        "PAGES": 1,
        "WINDOW": 0,
        "BY_TOKEN": True,
        "SCALE": float(scale),
        "BLOCK_Q": block_q,
        "BLOCK_R": _rows(block_q, heads // groups),
        "BLOCK_D": max(LEAST, power_above(head)),
        "BLOCK_P": cut.block_p,
        "SPLIT": cut.split,
        "STAGES": cut.stages,
        "UPCAST": upcast,
    }


def scratch(programs: int, rows: int, head: int, cut: Reach) -> tuple[Scratch | None, Scratch | None]:
    """What splits leave for the last of them, and how many have."""
    if cut.split == 1:
        return None, None
    slot = rows * (max(LEAST, power_above(head)) + 2)
    return Scratch(torch.float32, programs * cut.split * slot), Scratch(torch.int32, programs, zeroed=True)


def _by_token(group: Group) -> bool:
    """Whether tokens come before heads in the result, which is what the next layer wants."""
    value, turned = group.anchor, False
    for step in group.values[1:]:
        require(value not in group.outputs and step.args[0] is value, "attention has one result")
        if step.op == "permute":
            require(step["order"] == (0, 2, 1, 3) and value is group.anchor, "heads in another order")
            turned = True
        else:
            require(step.op == "reshape", f"{step.op} after attention")
        value = step
    require(group.outputs == (value,), "attention has one result")
    return turned
