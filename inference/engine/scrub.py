"""Overwrites what freed objects left in this process's heap, so that an erase reaches it too.

Neither Python nor the C library wipes what is freed, and texts are copied inside libraries that cannot be told to. What can be
done from outside is to ask for every hole in the heap, zero it, and give it back. That takes one arena and no caches of
threads' own, which the C library reads from the environment when a process starts: see `environment`.

What an allocation took over in the meantime and has not written to is no hole: fragments may stay there until it is written or
freed. Only memory that is overwritten as it is freed leaves none; the C library does that, too, when asked at the start.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from hashlib import blake2b
from typing import Any

import numpy

from inference.engine.prefix import BLOCK_TOKENS, DIGEST_BYTES

_ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "1",
    "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0:glibc.malloc.mmap_threshold=131072",
}
"""Holes of another arena or of a thread's cache cannot be asked for."""
_WIPE_FREED = {"MALLOC_PERTURB_": "165"}
"""Any byte but 0: what is freed is overwritten with it."""
_LARGEST = 64 * 1024
_STACK_BYTES = 256 * 1024
_AT_ONCE = 64
_SMALL = 512
"""Objects up to this size live in Python's own pools."""
_FILLS_A_POOL = 480
"""Objects of this size leave no more than 16 bytes of a pool unused: it comes first, and takes the pools that are empty."""
_HEADER = sys.getsizeof(b"")
_ARENA_PAGES = 256
"""Python asks the system for a MiB at a time."""


class _MallInfo2(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"
        )
    ]  # fmt: skip


def environment(*, wipe_freed: bool) -> dict[str, str]:
    """What a process has to be started with for `scrub` to reach all of its heap.

    With `wipe_freed` memory is overwritten as it is freed as well: about a fifth of a CPU's decoding speed, nothing to speak of
    where tensors are on another device.
    """
    return _ENVIRONMENT | _WIPE_FREED if wipe_freed else _ENVIRONMENT


def wipes_freed() -> bool:
    """Whether this process overwrites memory as it frees it."""
    return can_scrub() and all(os.environ.get(name) == value for name, value in _WIPE_FREED.items())


def can_scrub() -> bool:
    """Whether this process was started so that its whole heap can be scrubbed."""
    if not sys.platform.startswith("linux") or not hasattr(ctypes.CDLL(None), "mallinfo2"):
        return False
    return all(os.environ.get(name) == value for name, value in _ENVIRONMENT.items())


def scrub() -> int:
    """Zeroes the holes of the heap; how many bytes that took. For a process that `can_scrub`.

    Other threads may go on meanwhile. It takes a tenth of a second or so, and longer the more holes there are.
    """
    gc.collect()
    return _numpy_cache() + _python_pools() + _c_heap()


class _Zeros(ctypes.Structure):
    _fields_ = [("zeros", ctypes.c_char * _STACK_BYTES)]


def scrub_stack() -> None:
    """Zeroes what calls that have returned left on the calling thread's stack.

    An argument of this size is passed by value on the stack: it lies where those calls' frames were.
    """
    function = ctypes.CDLL(None).getpid
    function.argtypes = [_Zeros]
    function(_Zeros())
    # That call's own frames have gaps where a digest's message was copied to: digest zeroes in the same place.
    blake2b(bytes(2 * DIGEST_BYTES * BLOCK_TOKENS), digest_size=DIGEST_BYTES, key=bytes(32)).digest()


def _numpy_cache() -> int:
    """Fills what numpy keeps of its small arrays: a few of each size below 1 KiB."""
    held = [numpy.zeros(size, dtype=numpy.uint8) for size in range(1, 1024) for _ in range(8)]
    for array in held:
        array.fill(0)  # zeros of some sizes come from the system unwritten
    return sum(map(len, held))


def _c_heap() -> int:
    libc = ctypes.CDLL(None)
    mallinfo2: Any = libc.mallinfo2
    mallinfo2.restype = _MallInfo2
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.malloc_usable_size.restype = ctypes.c_size_t
    libc.malloc_usable_size.argtypes = [ctypes.c_void_p]
    libc.free.argtypes = [ctypes.c_void_p]
    libc.malloc_trim(0)  # gives whole free pages back to the system, which hands them out zeroed

    def holes() -> int:
        """Free bytes that are not at the heap's end."""
        info = mallinfo2()
        return int(info.fordblks) - int(info.keepcost)

    zeroed = 0
    head: int | None = None
    size = _LARGEST
    while size >= 16:
        left = holes()
        while True:
            for _ in range(_AT_ONCE):
                block = libc.malloc(size)
                if not block:
                    break
                usable = libc.malloc_usable_size(block)
                ctypes.memset(block, 0, usable)
                zeroed += usable
                # The blocks are a list of their own: one of Python's would come from the heap and leave holes in it.
                ctypes.c_void_p.from_address(block).value = head
                head = block
            before, left = left, holes()
            if left + size > before:
                break  # none of these came from a hole
        size = size // 2 if size > 1024 else size - 16
    while head is not None:
        block, head = head, ctypes.c_void_p.from_address(head).value
        libc.free(block)
    libc.malloc_trim(0)
    return zeroed


def _python_pools() -> int:
    """Fills the free places of Python's pools: of each size until it had to ask for another arena."""
    zeroed = 0
    held: list[list[bytes]] = []
    for size in (_FILLS_A_POOL, *range(_SMALL, 47, -16)):
        filler = bytearray(size - _HEADER)
        before = _mapped()
        while _mapped() < before + _ARENA_PAGES:
            held.append([bytes(filler) for _ in range(4 * _AT_ONCE)])
            zeroed += size * 4 * _AT_ONCE
    return zeroed


def _mapped() -> int:
    """Pages of this process's address space."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[0])
