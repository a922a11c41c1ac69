from __future__ import annotations

from pathlib import Path

from bailiwick.embedded.logfile import LogFile


def test_a_log_rotates_by_size_and_keeps_the_newest(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "x.log", max_bytes=100, keep=2)

    for number in range(50):
        log.write(b"line %03d\n" % number)
    log.close()

    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.log", "x.log.1", "x.log.2"]
    assert all(path.stat().st_size <= 100 for path in tmp_path.iterdir())
    assert (tmp_path / "x.log").read_text().endswith("line 049\n")


def test_a_log_goes_on_after_a_restart_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    for text in (b"first\n", b"second\n"):
        log = LogFile(tmp_path / "x.log")
        log.write(text)
        assert log.tail(1) == [text.decode().strip()]
        log.close()

    assert (tmp_path / "x.log").read_text() == "first\nsecond\n"
    assert (tmp_path / "x.log").stat().st_mode & 0o777 == 0o600
