"""A group around attention over a cache, as a launch."""

from __future__ import annotations

import torch

from compiler.backends.triton.capabilities import Capabilities
from compiler.backends.triton.linears import FLOATS
from compiler.backends.triton.plans import Argument, Launch, Scratch, numbers, require, title_of
from compiler.backends.triton.sources import from_template
from compiler.backends.triton.tiles import LEAST, MOST_ROWS, Reach, power_above, reach
from compiler.schedule.group import Group


def launch(group: Group, device: Capabilities, *, cut: Reach | None = None, upcast: bool = False) -> Launch:
    """Raises NotPlanned."""
    anchor = group.anchor
    if anchor.op == "paged_attention":
        return _over_pages(group, device, cut, upcast)
    require(anchor.op == "cached_attention" and group.values[0] is anchor, "attention that is not over a cache")
    q, k, v, positions = anchor.args
    texts, heads, tokens, head = numbers(q.shape)
    groups, places = numbers(k.shape)[1:3]
    require(k.shape == v.shape, "keys as wide as values")
    require(q.dtype == k.dtype == v.dtype and q.dtype in FLOATS, f"queries of {q.dtype} over a cache of {k.dtype}")
    rows = max(LEAST, power_above(tokens * heads // groups))
    require(rows <= MOST_ROWS, f"{tokens} tokens: a prompt's attention is the vendor's library's")
    cut = cut or reach(texts * groups, rows, places, head, device)
    found = constants(
        heads=heads, groups=groups, head=head, tokens=tokens, cut=cut, scale=anchor["scale"], upcast=upcast
    ) | {"PLACES": places, "BY_TOKEN": _by_token(group)}
    source = from_template("attention", title_of(group), found)
    arguments: tuple[Argument, ...] = q, k, v, None, positions, group.outputs[0]
    return Launch(
        group,
        source,
        (texts * groups, cut.split, 1),
        (*arguments, *scratch(texts * groups, rows, head, cut)),
        found,
        cut.warps,
        cut.stages,
        cut,
    )


def _over_pages(group: Group, device: Capabilities, cut: Reach | None, upcast: bool) -> Launch:
    """Each token by itself, also where neighbours of a prompt could attend together: of few tokens, keys take the time."""
    anchor = group.anchor
    q, cache, tables, lengths, _ = anchor.args
    require(group.values[0] is anchor, "something before attention")
    require(all(value.op == "reshape" for value in group.values[1:]), "something after attention")
    require(group.outputs == (group.values[-1],), "attention has one result")
    tokens, heads, head = numbers(q.shape)
    groups, pages = numbers(cache.shape)[1] // 2, numbers(tables.shape)[1]
    require(q.dtype == cache.dtype and q.dtype in FLOATS, f"queries of {q.dtype} over pages of {cache.dtype}")
    rows = max(LEAST, power_above(heads // groups))
    require(rows <= MOST_ROWS, f"{heads // groups} heads share keys")
    require(tokens <= MOST_ROWS, f"{tokens} tokens: a prompt's attention is the vendor's library's")
    page = int(anchor["block"])
    cut = cut or reach(tokens * groups, rows, pages * page, head, device)
    found = constants(
        heads=heads, groups=groups, head=head, tokens=1, cut=cut, scale=anchor["scale"], upcast=upcast
    ) | {"PLACES": pages * page, "PAGED": True, "PAGE": page, "PAGES": pages, "WINDOW": int(anchor["window"])}
    source = from_template("attention", title_of(group), found)
    arguments: tuple[Argument, ...] = q, cache, cache, tables, lengths, group.outputs[0]
    own = scratch(tokens * groups, rows, head, cut)
    grid = tokens * groups, cut.split, 1
    return Launch(group, source, grid, (*arguments, *own), found, cut.warps, cut.stages, cut)


def constants(
    *, heads: int, groups: int, head: int, tokens: int, cut: Reach, scale: float, upcast: bool
) -> dict[str, bool | int | float | str]:
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
        "BLOCK_R": max(LEAST, power_above(tokens * heads // groups)),
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
