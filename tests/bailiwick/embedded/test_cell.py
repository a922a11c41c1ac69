"""Embedded cells as a person meets them: side by side, killed, left behind, in the way of each other."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest

from bailiwick import models
from bailiwick.embedded.postgres import SUPERUSER
from tests.bailiwick.embedded.cells import SERVICES, Cell, alive, bailiwick, descendants, running, until
from tests.e2e.inside import Inside

pytestmark = [pytest.mark.cell, pytest.mark.timeout(400)]
BACK_WITHIN_S = 15.0


@pytest.fixture(scope="module")
def cell() -> Iterator[Cell]:
    with running() as cell:
        yield cell


def test_a_ready_cell_says_how_to_reach_it_to_its_owner_alone(cell: Cell) -> None:
    info = cell.info

    assert set(info["processes"]) == {"supervisor", *SERVICES}
    assert all(alive(pid) for pid in info["processes"].values())
    assert stat.S_IMODE((cell.home / "cell.json").stat().st_mode) == 0o600
    assert cell.get("/v1/models", info["api_key"]).status_code == 200
    assert cell.get("/api/workspaces", info["admin_key"]).status_code == 200
    assert httpx.get(f"{info['base_url']}/readyz").json() == {"status": "ready"}
    directory = httpx.get(f"{info['base_url']}/.well-known/bailiwick/cells.json").content
    assert directory == (cell.home / "cells.json").read_bytes()
    assert bailiwick("status", "--home", cell.home).returncode == 0


def test_metrics_are_on_the_internal_address_alone(cell: Cell) -> None:
    info = cell.info

    metrics = httpx.get(info["metrics_url"]).text
    assert "bailiwick_requests_for_other_cells_total" in metrics
    assert "bailiwick_audit_oldest_unsealed_seconds" in metrics
    assert httpx.get(f"{info['base_url']}/metrics").status_code == 404


def test_a_foreign_request_of_five_megabytes_is_not_read(cell: Cell) -> None:
    before = _bytes_read(cell.pids["web"])
    client = openai.OpenAI(api_key="sk-usva1-" + "a" * 50, base_url=f"{cell.info['base_url']}/v1")

    with pytest.raises(openai.APIStatusError, match=r"https://api.us-va-1.bailiwick.example") as caught:
        client.chat.completions.create(model="any", messages=[{"role": "user", "content": "Dora " * 1024 * 1024}])

    assert caught.value.status_code == 421
    assert _bytes_read(cell.pids["web"]) - before < 64 * 1024
    assert "Dora" not in "".join(path.read_text(errors="replace") for path in (cell.home / "log").iterdir())


def test_two_cells_share_nothing(cell: Cell) -> None:
    with running("--region", "eu-fr-1") as other:
        one, two = cell.info, other.info

        assert (one["region"], two["region"]) == ("eu-de-1", "eu-fr-1")
        assert not set(one["processes"].values()) & set(two["processes"].values())
        assert other.chat().status_code == cell.chat().status_code == 200
        foreign = cell.get("/v1/models", two["api_key"])
        assert foreign.status_code == 421
        assert foreign.json()["error"]["region"] == "eu-fr-1"
        assert cell.get("/api/workspaces/" + two["workspace"], one["admin_key"]).status_code == 421

    assert cell.chat().status_code == 200


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_killed_comes_back(cell: Cell, service: str) -> None:
    before = cell.pids

    os.kill(before[service], signal.SIGKILL)
    until(lambda: cell.pids[service] != before[service], BACK_WITHIN_S)
    until(lambda: _answers(cell), BACK_WITHIN_S)

    after = cell.pids
    assert {name for name in SERVICES if after[name] != before[name]} == {service}
    assert all(alive(pid) for pid in after.values())


def test_each_process_knows_only_what_it_needs(cell: Cell) -> None:
    known = {name: _environment(pid) for name, pid in cell.pids.items() if name in SERVICES}

    urls = {
        "owner": "BAILIWICK_OWNER_DATABASE_URL",
        "sealer": "BAILIWICK_SEALER_DATABASE_URL",
        "web": "BAILIWICK_DATABASE_URL",
    }
    holders = {role: {name for name, known_ in known.items() if url in known_} for role, url in urls.items()}
    assert holders == {"owner": set(), "sealer": {"worker"}, "web": {"worker", "beat", "web"}}
    assert not any(
        "postgresql://" in value for name in ("engine", "redis", "postgres") for value in known[name].values()
    )


def test_the_tour_is_green_and_can_be_taken_again(cell: Cell) -> None:
    for _ in range(2):
        tour = bailiwick("tour", "--home", cell.home)

        assert tour.returncode == 0, tour.stdout + tour.stderr
        assert "✗" not in tour.stdout
        assert (cell.home / "tour" / "certificate.json").is_file()
        assert (cell.home / "tour" / "export" / "manifest.json").is_file()


def test_a_web_process_keeps_few_connections_however_many_requests_it_answers(cell: Cell) -> None:
    for _ in range(100):
        assert cell.get("/api/workspaces", cell.info["admin_key"]).status_code == 200

    with Inside(cell.home).connection(SUPERUSER, "postgres") as superuser:
        open_ = superuser.execute("select count(*) from pg_stat_activity where usename = 'bailiwick_web'").fetchone()
    assert open_ is not None and open_[0] < 30


def test_a_model_is_imported_on_the_record_and_a_broken_one_leaves_nothing(cell: Cell, tmp_path: Path) -> None:
    source = models.demo_checkpoint(cell.info["models"]["embedding"])
    broken = tmp_path / "broken"
    shutil.copytree(source, broken)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes().replace(b"encoder.layer.0.", b"encoder.layer.9.", 1))

    imported = bailiwick("models", "import", source, "--name", "another", "--home", cell.home)
    refused = bailiwick("models", "import", broken, "--name", "broken", "--home", cell.home)
    taken = bailiwick("models", "import", source, "--name", "another", "--home", cell.home)

    assert imported.stdout == "another is served\n", imported.stderr
    assert (refused.returncode, taken.returncode) == (1, 1)
    assert "models canary another" in taken.stderr
    assert "Traceback" not in refused.stderr
    assert not (cell.home / "models" / "broken.json").exists()
    listed = bailiwick("models", "list", "--home", cell.home).stdout
    assert [line.split()[0] for line in listed.splitlines()] == ["another", "demo-chat", "demo-names", "minilm"]


def test_no_secret_is_in_a_log_or_on_a_command_line(cell: Cell) -> None:
    assert cell.chat().status_code == 200
    secrets = _secrets(cell.home)
    assert len(secrets) >= 10

    written = {path.name: path.read_text(errors="replace") for path in (cell.home / "log").iterdir()}
    for pid in {cell.pids["supervisor"], *descendants(cell.pids["supervisor"])}:
        written[f"command line of {pid}"] = Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    assert {name for name, text in written.items() if any(secret in text for secret in secrets)} == set()


def test_a_home_in_use_is_refused(cell: Cell) -> None:
    again = bailiwick("up", "--home", cell.home)

    assert again.returncode == 1
    assert f"bailiwick down --home {cell.home}" in again.stderr
    assert cell.chat().status_code == 200


def test_nothing_outlives_a_killed_supervisor_and_the_home_can_be_used_again() -> None:
    with running() as cell:
        info = cell.info
        everything = descendants(info["processes"]["supervisor"])
        assert len(everything) > len(SERVICES)

        os.kill(info["processes"]["supervisor"], signal.SIGKILL)

        until(lambda: not any(alive(pid) for pid in everything), 10)
        assert bailiwick("status", "--home", cell.home).returncode == 3
        moved = bailiwick("up", "--detach", "--home", cell.home, "--region", "us-va-1")
        assert moved.returncode == 1
        assert "never changes its region" in moved.stderr
        started = bailiwick("up", "--detach", "--home", cell.home)
        assert started.returncode == 0, started.stderr
        again = cell.info
        assert again["base_url"] == info["base_url"]
        assert cell.get(f"/api/workspaces/{info['workspace']}", info["admin_key"]).status_code == 200

        everything = descendants(again["processes"]["supervisor"])
        assert bailiwick("down", "--home", cell.home).returncode == 0
        assert not any(alive(pid) for pid in everything)
        assert not (cell.home / "cell.json").exists()
        assert bailiwick("down", "--home", cell.home).stdout.startswith("no cell was running")


def test_a_taken_port_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        refused = bailiwick("up", "--home", tmp_path / "home", "--port", str(port))

    assert refused.returncode == 1
    assert f"Port {port} cannot be used" in refused.stderr
    assert "--port" in refused.stderr
    assert not (tmp_path / "home" / "pg" / "data").exists()


@pytest.mark.parametrize("command", ["tour", "models list"])
def test_a_command_that_needs_a_cell_says_how_to_start_one(tmp_path: Path, command: str) -> None:
    done = bailiwick(*command.split(), "--home", tmp_path)

    assert done.returncode == 1
    assert "bailiwick up" in done.stderr
    assert "Traceback" not in done.stderr


def _bytes_read(pid: int) -> int:
    """By its read system calls, from whatever file or socket (proc(5), io)."""
    return int(Path(f"/proc/{pid}/io").read_text().split("rchar: ")[1].split()[0])


def _answers(cell: Cell) -> bool:
    try:
        return cell.chat().status_code == 200
    except httpx.HTTPError:
        return False


def _environment(pid: int) -> dict[str, str]:
    pairs = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


def _secrets(home: Path) -> set[str]:
    """Every secret value of the home: passwords, keys, seeds, tokens."""
    found = set[str]()
    for path in (home / "secrets").iterdir():
        text = path.read_text()
        found |= {
            word for word in text.replace('"', " ").replace(",", " ").split() if len(word) >= 16 and word.isascii()
        }
    public = {"BAILIWICK_", "/", "org_", "ws_", "http://", "redis", "cells.embedded", "127.0.0.1", "demo-", "admin@"}
    return {word for word in found if not word.startswith(tuple(public))}
