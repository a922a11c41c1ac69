from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bailiwick.embedded.errors import CellError
from bailiwick.embedded.home import Home


def test_secrets_are_made_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "cell")

    assert home.prepare()
    passwords, key = home.passwords(), home.root_key_file.read_text()
    assert not home.prepare()

    assert (home.passwords(), home.root_key_file.read_text()) == (passwords, key)
    assert len(set(passwords.values())) == len(passwords) == 6
    assert stat.S_IMODE(home.secrets.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in home.secrets.iterdir()} == {0o600}


def test_two_homes_share_no_secret(tmp_path: Path) -> None:
    one, other = Home.at(tmp_path / "one"), Home.at(tmp_path / "other")
    one.prepare()
    other.prepare()

    assert not set(one.passwords().values()) & set(other.passwords().values())
    assert one.root_key_file.read_text() != other.root_key_file.read_text()


def test_sockets_of_a_deep_home_are_elsewhere(tmp_path: Path) -> None:
    deep = Home.at(tmp_path.joinpath(*["a-rather-long-folder-name"] * 6))
    deep.prepare()
    try:
        assert len(os.fsencode(deep.postgres_socket / ".s.PGSQL.5432")) <= 107
        assert deep.run != Home.at(deep.path / "another").run
    finally:
        shutil.rmtree(deep.run)


def test_a_home_that_is_a_file_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(CellError, match="cannot be used as the cell's home"):
        Home.at(tmp_path / "file").prepare()


def test_no_cell_here_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(CellError, match="bailiwick up --home"):
        Home.at(tmp_path).cell()


def test_a_full_disk_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    # A 2 MiB file system that only this test sees; whoever is not root makes it in a user namespace.
    script = f'mount -t tmpfs -o size=2m tmpfs "{tmp_path}" && exec "{sys.executable}" -m bailiwick.cli up --home "{tmp_path}/x"'
    apart = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]

    done = subprocess.run([*apart, "sh", "-c", script], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 1
    assert "MB left" in done.stderr
    assert "--home" in done.stderr
    assert "Traceback" not in done.stderr
