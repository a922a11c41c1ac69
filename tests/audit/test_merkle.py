from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.merkle import (
    EMPTY_ROOT,
    ProofError,
    Range,
    consistency_ranges,
    fold,
    full_nodes,
    full_root,
    inclusion_ranges,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)

# The reference inputs and roots of RFC 6962's implementations (transparency-dev/merkle, testonly/constants.go).
_INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def _leaves(count: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(count)]


def _root(leaves: list[bytes]) -> bytes:
    """MTH as RFC 6962 writes it down, for comparison."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + _root(leaves[:split]) + _root(leaves[split:])).digest()


def _path(leaves: list[bytes], ranges: list[tuple[int, int]]) -> list[bytes]:
    return [
        fold([full_root(leaves[place << height : place + 1 << height]) for height, place in full_nodes(*span)])
        for span in ranges
    ]


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_reference(size: int) -> None:
    tree = Range()
    tree.extend(leaf_hash(item) for item in _INPUTS[:size])

    assert tree.root().hex() == _ROOTS[size - 1]


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert Range().root() == EMPTY_ROOT == hashlib.sha256(b"").digest()


@given(st.integers(0, 600), st.integers(0, 600))
def test_a_tree_grown_in_pieces_is_the_tree_grown_at_once(first: int, second: int) -> None:
    first, second = sorted((first, second))
    leaves = _leaves(second)
    tree = Range()
    tree.extend(leaves[:first])

    continued = Range.from_bytes(first, bytes(tree))
    nodes: dict[tuple[int, int], bytes] = {}
    continued.extend(leaves[first:], lambda node, value: nodes.__setitem__(node, value))

    assert continued.root() == _root(leaves)
    assert set(nodes) == {(8, number) for number in range(second >> 8) if (number + 1) << 8 > first}
    assert all(value == _root(leaves[place << 8 : (place + 1) << 8]) for (_, place), value in nodes.items())


@given(st.integers(1, 400), st.data())
def test_inclusion_is_proven_for_every_leaf_and_for_no_other(size: int, data: st.DataObject) -> None:
    leaves = _leaves(size)
    index = data.draw(st.integers(0, size - 1))
    path, root = _path(leaves, inclusion_ranges(index, size)), _root(leaves)

    verify_inclusion(index=index, size=size, leaf=leaves[index], path=path, root=root)

    other = data.draw(st.integers(0, size - 1).filter(lambda number: number != index)) if size > 1 else index + 1
    wrong = [
        {"index": other, "size": size, "leaf": leaves[index], "path": path, "root": root},
        {"index": index, "size": size, "leaf": leaf_hash(b"other"), "path": path, "root": root},
        {"index": index, "size": size, "leaf": leaves[index], "path": [*path, root], "root": root},
        {"index": index, "size": size, "leaf": leaves[index], "path": path, "root": leaf_hash(root)},
        {"index": index, "size": size, "leaf": leaves[index][:31], "path": path, "root": root},
        {"index": index, "size": size, "leaf": leaves[index], "path": path, "root": b""},
    ]
    if path:
        wrong.append({"index": index, "size": size, "leaf": leaves[index], "path": path[:-1], "root": root})
    for claim in wrong:
        with pytest.raises(ProofError):
            verify_inclusion(**claim)


@given(st.integers(1, 400), st.integers(1, 400), st.data())
def test_consistency_is_proven_for_every_prefix_and_for_no_fork(first: int, second: int, data: st.DataObject) -> None:
    first, second = sorted((first, second))
    leaves = _leaves(second)
    path = _path(leaves, consistency_ranges(first, second))
    old, new = _root(leaves[:first]), _root(leaves)

    verify_consistency(first=first, second=second, first_root=old, second_root=new, path=path)

    forked = data.draw(st.integers(0, first - 1))
    fork = _root([*leaves[:forked], leaf_hash(b"forked"), *leaves[forked + 1 : first]])
    for first_root, second_root, given_path in (
        (fork, new, path),
        (old, leaf_hash(new), path),
        (old, new, [*path, new]),
        (old, new, [leaf_hash(b""), *path[1:]]),
    ):
        with pytest.raises(ProofError):
            verify_consistency(
                first=first, second=second, first_root=first_root, second_root=second_root, path=given_path
            )


def test_a_consistency_proof_from_nothing_is_refused() -> None:
    root = _root(_leaves(3))

    with pytest.raises(ProofError):
        verify_consistency(first=0, second=3, first_root=EMPTY_ROOT, second_root=root, path=[])
    with pytest.raises(ProofError):
        consistency_ranges(0, 3)


@pytest.mark.parametrize(
    ("size", "joined"), [(3, b"x" * 32), (3, b"x" * 63), (-1, b""), (0, b"x" * 32), (2, b"x" * 64)]
)
def test_a_range_of_another_size_is_refused(size: int, joined: bytes) -> None:
    with pytest.raises(ProofError):
        Range.from_bytes(size, joined)
