from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.tune.device import Device
from compiler.tune.key import key_of, source_hash
from compiler.tune.knobs import PowerOfTwo, Switch
from compiler.tune.space import Space
from tests.compiler.tune.tunables import DEVICE, NEXT_DRIVER

SPACE = Space({"tile": PowerOfTwo(16, 256), "fused": Switch()})
MAKE = """
from compiler.tune.device import Device
from compiler.tune.key import key_of, source_hash
from compiler.tune.knobs import PowerOfTwo, Switch
from compiler.tune.space import Space
space = Space({"fused": Switch(), "tile": PowerOfTwo(16, 256)})
device = Device("cuda", "Imagined 9000", ("sm_90",), 132, 1, 3_201_000, "580.159.03")
key = key_of("gemv", {"n": 4096, "m": 8}, dtype="bf16", device=device, space=space, source=source_hash("v1"),
             libraries=["numpy", "torch"])
print(key.exact, key.relaxed)
"""


def gemv(device: Device = DEVICE, **other: object):  # type: ignore[no-untyped-def]
    given = {
        "shape": {"m": 8, "n": 4096},
        "dtype": "bf16",
        "source": source_hash("v1"),
        "libraries": ["torch", "numpy"],
    }
    return key_of("gemv", device=device, space=SPACE, **{**given, **other})  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", ["0", "1"])
def test_a_key_is_the_same_in_every_process(seed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MAKE],
        env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == [gemv().exact, gemv().relaxed]


@given(st.dictionaries(st.text("mnkbh", min_size=1, max_size=4), st.integers(1, 1 << 40), min_size=1), st.randoms())
def test_the_order_of_sizes_does_not_count(shape: dict[str, int], rng: random.Random) -> None:
    names = list(shape)
    rng.shuffle(names)

    assert gemv(shape=shape).exact == gemv(shape={name: shape[name] for name in names}).exact


@pytest.mark.parametrize(
    "other",
    [
        {"shape": {"m": 16, "n": 4096}},
        {"dtype": "float32"},
        {"layout": "k-major"},
        {"libraries": ["torch"]},
        {"source": source_hash("v2")},
        {"device": replace(DEVICE, name="Imagined 9001")},
        {"device": replace(DEVICE, features=("sm_100",))},
        {"device": replace(DEVICE, units=114)},
        {"device": replace(DEVICE, threads=2)},
        {"device": replace(DEVICE, clock=2_619_000)},
    ],
)
def test_whatever_changes_speed_changes_both_keys(other: dict[str, object]) -> None:
    assert gemv(**other).exact != gemv().exact  # type: ignore[arg-type]
    assert gemv(**other).relaxed != gemv().relaxed  # type: ignore[arg-type]


def test_a_driver_changes_the_exact_key_alone() -> None:
    assert gemv(NEXT_DRIVER).exact != gemv().exact
    assert gemv(NEXT_DRIVER).relaxed == gemv().relaxed


def test_a_library_that_is_not_here_counts_as_that() -> None:
    assert dict(gemv(libraries=["no-such-library", "numpy"]).libraries)["no-such-library"] == "absent"


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"dtype": "My name is Anna Schmidt"}, "dtype must be one word"),
        ({"layout": 'row "major"'}, "layout must be one word"),
        ({"shape": {"a prompt": 3}}, "the name of a size must be one word"),
        ({"shape": {"m": 0}}, "above zero"),
        ({"shape": {"m": True}}, "above zero"),
        ({"shape": {"m": 1.5}}, "above zero"),
        ({"source": "def kernel(): ..."}, "must be a SHA-256"),
    ],
)
def test_no_text_fits_in_a_key(other: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gemv(**other)  # type: ignore[arg-type]


def test_parts_of_a_source_are_told_apart() -> None:
    assert source_hash("ab", "c") != source_hash("a", "bc")
    assert source_hash("ab") == source_hash(b"ab")
