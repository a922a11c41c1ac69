from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest

from audit.cosigning.witnesses import NamedWitness
from bailiwick.embedded.cluster import Cluster
from cell.config import config
from cell.witness_config import CellWitness
from tests.audit.cosigning.programs import WitnessProgram
from tests.audit.destinations.batches import HERE
from tests.peers.certificates import Authority
from tests.peers.tls_front import fronted

Make = Callable[..., WitnessProgram]
Name = Callable[..., None]


class Rows:
    """The rows of witnesses, by their owner's hand."""

    def __init__(self, cluster: Cluster) -> None:
        self._url = cluster.url("bailiwick_owner")

    def run(self, statement: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as owner:
            owner.execute(statement)  # type: ignore[arg-type]  # a literal of a test

    def due(self) -> None:
        """As if the time of all had come."""
        self.run("update audit_witness set next_at = now()")


@pytest.fixture(autouse=True)
def rows(cluster: Cluster, committed: None) -> Iterator[Rows]:
    """Nobody is to be asked but by the test itself."""
    found = Rows(cluster)
    found.run("delete from audit_witness")
    yield found
    found.run("delete from audit_witness")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Starts witness programs."""
    running: list[WitnessProgram] = []

    def begin(name: str = "witness.example.org/1", origins: tuple[str, ...] = ()) -> WitnessProgram:
        running.append(WitnessProgram(tmp_path / f"witness-{len(running)}", name, origins))
        return running[-1]

    yield begin
    for program in running:
        program.kill()


@dataclass(frozen=True)
class Customers:
    """A customer's witness, behind their own TLS."""

    program: WitnessProgram
    named: NamedWitness


@pytest.fixture
def customers(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Customers]:
    monkeypatch.setattr("audit.cosigning.ways.reach", lambda: HERE)
    authority = Authority()
    program = make("witness.customer.example/1")
    with fronted(program.asked.port, authority.server("localhost"), tmp_path) as url:
        yield Customers(program, NamedWitness(url, str(program.key), authority.certificate.strip()))


@pytest.fixture
def name(monkeypatch: pytest.MonkeyPatch) -> Name:
    """Has the operator name these witnesses."""

    def configure(*witnesses: CellWitness) -> None:
        changed = replace(config(), witnesses=witnesses)
        for module in ("api", "job", "rounds"):
            monkeypatch.setattr(f"audit.cosigning.{module}.config", lambda: changed)

    return configure
