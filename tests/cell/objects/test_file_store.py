from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cell.objects import FileObjectStore, ObjectDamaged


def test_a_removed_object_leaves_no_bytes_behind(file_store: FileObjectStore) -> None:
    file_store.put("key", b"CANARY-7261")
    file_store.put("key", b"CANARY-7261 again")
    _left_by_a_dead_writer(file_store, b"CANARY-7261 in part")
    file_store.delete_all_versions("key")
    files = [path for path in file_store.root.rglob("*") if path.is_file()]
    assert [path.name for path in files] == ["key"]


def test_bytes_that_changed_on_the_disk_are_not_handed_over(file_store: FileObjectStore) -> None:
    version = file_store.put("key", b"x" * 3_000_000)
    (path,) = file_store.root.rglob(f"{version.id}.object")
    path.write_bytes(b"x" * 2_999_999 + b"y")
    with pytest.raises(ObjectDamaged):
        file_store.get("key")
    path.write_bytes(b"")
    with pytest.raises(ObjectDamaged):
        file_store.get("key")
    path.write_bytes(b"x" * 2_000_000)
    with pytest.raises(ObjectDamaged), file_store.open("key") as file:
        while file.read(100_000):
            pass


def test_a_store_from_before_hashes_were_kept_is_read_and_erased(file_store: FileObjectStore) -> None:
    version = file_store.put("key", b"old")
    (about,) = file_store.root.rglob(f"{version.id}.about")
    about.unlink()
    assert file_store.get("key") == b"old"
    assert file_store.delete_all_versions("key") == 1


def test_leftovers_of_writers_that_died_are_told_and_removed(file_store: FileObjectStore) -> None:
    file_store.put("key", b"kept")
    _left_by_a_dead_writer(file_store, b"half")
    (file_store.root / "region.0.upload").write_bytes(b"eu-de-1\n")
    (orphan,) = file_store.root.rglob("*.about")
    orphan.with_name(f"{'0' * 32}.about").write_bytes(b"{}")

    assert [upload.key for upload in file_store.uploads("ke")] == ["key", "key"]
    assert [upload.key for upload in file_store.uploads("other")] == []
    for upload in list(file_store.uploads()):
        file_store.abort(upload)
        file_store.abort(upload)
    assert list(file_store.uploads()) == []
    assert file_store.get("key") == b"kept"


def test_a_full_disk_leaves_nothing_and_says_so(tmp_path: Path) -> None:
    program = """
import resource, signal, sys
from pathlib import Path
from cell.objects import FileObjectStore, StoreFull
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = FileObjectStore(Path(sys.argv[1]))
store.put("small", b"kept")
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    store.put("large", b"x" * 100_000)
except (StoreFull, OSError) as error:
    print(type(error).__name__)
print(store.versions("large"), list(store.uploads()), store.get("small"))
"""
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "StoreFull\n[] [] b'kept'\n"


def _left_by_a_dead_writer(store: FileObjectStore, content: bytes) -> None:
    """As after SIGKILL between the first byte and the last."""
    (name,) = store.root.rglob("key")
    name.with_name("0" * 32 + ".upload").write_bytes(content)
