"""Erasure as a machine: whatever is served, asked for, held, crashed and repeated, in whatever order, what is promised holds.

The promises, after every step:

 1. no certificate without evidence from every store that there is and that the manifest names
 2. behind a fence nothing can be read
 3. erasing again changes nothing
 4. whoever dies, every erasure ends in the same state (at the end, and in test_faults at every boundary)
 5. the ledger has all that is needed to fence a restored backup again
 6. the ledger only grows, is chained, and names nobody
 7. what is held is neither erased nor does it expire, and is not read; a hold that is released lets the erasure go on
 8. a certificate says nothing that is not so, also later
 9. the neighbour's rows stay as they are, byte for byte
10. an erasure that takes longer than half its time is told of
"""

from __future__ import annotations

import os
from datetime import timedelta

import msgspec
import psycopg
import pytest
from django.db import connections
from hypothesis import HealthCheck, Phase, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from audit.signing import vkeys
from audit.verifier.certificate import verify_certificate
from cell.config import config
from cell.ids import Tag, tagged
from cell.problems import Problem
from cell.tenancy import workspace_scope
from retention import ageing, expiry, fences, stores
from retention.erasure import target_of
from retention.erasures import erasure_get, erasure_request
from retention.holds import hold_place, hold_release
from retention.models import Erasure, ErasureScope
from retention.payloads import PayloadHeld, payload_open
from tests.factories import make_organization, make_workspace
from tests.retention.erasing import Crash, download, erasure_ledger, job_of, rewrite_keys, run
from tests.retention.faults import Fault, FaultAt, end_lease
from tests.retention.requests import serve
from tests.retention.world import Asked, Auditor, Served, begin, end, pseudonym

pytestmark = pytest.mark.usefixtures("committed")
SUBJECTS = ["anna@example.org", "ben@example.org", None]
ANY = st.integers(0, 1000)
SCOPES = st.sampled_from(["request", "request", "subject", "subject", "workspace"])


ACTIONS = [
    *["serve", "ask", "work", "work"] * 3,
    *["begin", "fail", "release", "end late"] * 2,
    *["hold", "expire", "destroy late keys", "age", "erase again", "be late"],
]


class ErasureMachine(RuleBasedStateMachine):
    """`owner_url` and `organization` are set by the test."""

    owner_url = ""
    organization = None

    def __init__(self) -> None:
        super().__init__()
        self.workspace = make_workspace(self.organization)
        self.neighbour = make_workspace(self.organization)
        for subject in SUBJECTS[:2]:
            serve(self.neighbour, subject=subject)
        self.auditor = Auditor()
        self.beside = self.auditor.image(self.neighbour)
        self.requests: list[Served] = []
        self.aged: set = set()
        self.holds: dict = {}
        self.infos: dict = {}
        self.checked: set = set()
        self.was_fenced: set = set()
        self.ledger = erasure_ledger().path.read_bytes() if erasure_ledger().path.exists() else b""

    # What happens ---------------------------------------------------------------------------------------------------

    @initialize()
    def served_before(self) -> None:
        for subject in SUBJECTS:
            self.serve(subject)

    @rule(what=st.sampled_from(ACTIONS), scope=SCOPES, subject=st.sampled_from(SUBJECTS), which=ANY, more=ANY)
    def act(self, what, scope, subject, which, more) -> None:
        """One rule for all: Hypothesis leaves out many of several, and nothing of what is left gets far."""
        match what:
            case "begin":
                self.begin(subject, stored=more % 2 == 0)
            case "serve":
                self.serve(subject)
            case "end late" if self._running():
                self.end_late(which)
            case "ask":
                self.ask(scope, which)
            case "hold":
                self.hold(scope, which)
            case "release" if self.holds:
                self.release(which)
            case "work" if self._open():
                self._work(which, Fault.CRASH_BETWEEN, more % 8)
            case "fail" if self._open():
                self._work(which, list(Fault)[which % len(Fault)], more % 51)
            case "expire" if self._stored():
                self.expire(which)
            case "destroy late keys":
                self.destroy_late_keys()
            case "age" if self._certified():
                self.age(which)
            case "erase again" if self._certified():
                self.erase_again(which)
            case "be late" if self._open():
                self.be_late(which)
        event(what)

    def begin(self, subject, *, stored) -> None:
        self.requests.append(begin(self.workspace, subject, stored=stored))

    def serve(self, subject) -> None:
        self.requests.append(begin(self.workspace, subject, stored=True))
        self._end(self.requests[-1])

    def end_late(self, which) -> None:
        self._end(_one(self._running(), which))

    def ask(self, scope, which) -> None:
        of = self._named(scope, which)
        if of is None:
            return
        try:
            info, new = erasure_request(
                actor=self.organization.owner, workspace=self.workspace, **({"whole": True} if of == {} else of)
            )
        except Problem as refused:
            assert refused.status_code == 404
            assert not any(served.ended and served.subject == of.get("subject") for served in self._unfenced())
            return
        assert new is (info.id not in self.infos)
        self.infos[info.id] = info

    def hold(self, scope, which) -> None:
        of = self._named(scope, which)
        if of is None or len(self.holds) > 1:
            return
        try:
            placed = hold_place(actor=self.organization.owner, workspace=self.workspace, reason="Claim 7", **of)
        except Problem as refused:
            assert refused.status_code == 409
            return
        self.holds[placed.id] = of
        event("held")

    def release(self, which) -> None:
        hold = _one(sorted(self.holds), which)
        hold_release(actor=self.organization.owner, workspace=self.workspace, hold=hold)
        del self.holds[hold]

    def expire(self, which) -> None:
        self.aged.add(_one(self._stored(), which).id)
        self._as_owner(
            "update retention_payload set stored_at = now() - interval '15 days' where id = any(%s)", self.aged
        )
        held = self._covered_by_holds()
        expiry.expire()
        for served in self.requests:
            served.expired |= served.id in self.aged and served.ended and served.id not in held

    def destroy_late_keys(self) -> None:
        ageing.destroy_late_keys()
        seen = self.auditor.see(self.workspace)
        assert not seen.late
        behind = {served.id for served in self.requests if served.ended and self._behind_a_fence(served, seen.erasures)}
        done = {asked.id for asked in seen.erasures.values() if asked.certified}
        assert not {request for request in behind & seen.keys if self._only_by(request, done, seen.erasures)}

    def age(self, which) -> None:
        info = _one(self._certified(), which)
        self._as_owner(
            "update retention_erasure set erased_at = erased_at - interval '8 days' where id = any(%s)", [info.id]
        )
        ageing.destroy_late_keys()
        rewrite_keys()
        ageing.age_erasures()
        assert erasure_get(self.workspace, info.id).beyond_recovery
        final = download(self.organization, info, workspace=self.workspace, final=True)
        verify_certificate(final, vkeys())
        assert msgspec.json.decode(final)["statement"]["type"] == "bailiwick/erasure/beyond-recovery"

    def erase_again(self, which) -> None:
        """3"""
        info = _one(self._certified(), which)
        with workspace_scope(self.workspace):
            row = Erasure.objects.get(pk=info.id)
        target = target_of(self.workspace, row)
        if self.auditor.see(self.workspace).late:
            # What ended behind the fence since: its key is marked as destroyed, whether it was ever kept or not.
            self._execute(target)
        before = self.auditor.image(self.workspace)
        self._execute(target)
        self._execute(target)
        assert self.auditor.image(self.workspace) == before
        event("erased again")

    def _execute(self, target) -> None:
        for store in stores.registered(target.scope):
            store.execute(target)

    def be_late(self, which) -> None:
        """10"""
        info = _one(self._open(), which)
        late = "update retention_erasure set received_at = now() - interval '151 seconds' where id = any(%s)"
        self._as_owner(late, [info.id])
        if erasure_get(self.workspace, info.id).erased_at is None:
            assert ageing.watch_erasures() >= 1

    # What must be so ------------------------------------------------------------------------------------------------

    @invariant()
    def what_is_there_is_what_should_be(self) -> None:
        """2, 7, 8"""
        seen = self.auditor.see(self.workspace)
        for served in self.requests:
            covering = [asked for asked in seen.erasures.values() if self._covers(asked, served)]
            fenced = [asked for asked in covering if asked.fenced]
            if served.stored and not fenced:
                assert served.id in seen.payloads
                assert served.id in seen.keys
            if fenced and served.id not in self._covered_by_holds():
                assert payload_open(self.workspace, served.id) is None
            if any(asked.certified for asked in covering):
                assert served.id not in seen.payloads
                assert served.id not in seen.named
                assert served.id not in seen.keys or served.id in seen.late or not served.ended
        if any(asked.certified and asked.scope == "workspace" for asked in seen.erasures.values()):
            assert not seen.any_key
        for request in self._covered_by_holds() & {served.id for served in self._stored()}:
            with pytest.raises(PayloadHeld):
                payload_open(self.workspace, request)

    @invariant()
    def certificates_have_their_evidence(self) -> None:
        """1, 8"""
        for info in self._certified():
            if info.id in self.checked:
                continue
            certificate = download(self.organization, info, workspace=self.workspace)
            verify_certificate(certificate, vkeys())
            statement = msgspec.json.decode(certificate)["statement"]
            names = {store.name for store in stores.registered(ErasureScope(info.scope))}
            assert set(statement["stores"]) == names | set(erasure_get(self.workspace, info.id).manifest or {})
            assert all(store["remaining"] == 0 and store["evidence"] for store in statement["stores"].values())
            assert not any(subject.encode() in certificate for subject in SUBJECTS[:2])
            self.checked.add(info.id)
            event(f"certified: {info.scope}")

    @invariant()
    def the_ledger_grows_and_has_what_is_fenced(self) -> None:
        """5, 6"""
        fenced = [asked for asked in self.auditor.see(self.workspace).erasures.values() if asked.fenced]
        if not fenced:
            return
        content = erasure_ledger().path.read_bytes()
        assert content.startswith(self.ledger)
        self.ledger = content
        assert not any(subject.encode() in content for subject in SUBJECTS[:2])
        lines = {line.erasure: line for line in erasure_ledger().lines()}
        for asked in fenced:
            line = lines[tagged(Tag.ERASURE, config().cell, asked.id)]
            assert line.scope == asked.scope
            assert (line.subject or "") == (asked.subject or b"").hex()
            assert (line.before or "") == ("" if asked.before is None else asked.before.hex)

    @invariant()
    def the_neighbour_stays_as_it_is(self) -> None:
        """9"""
        assert self.auditor.image(self.neighbour) == self.beside

    def teardown(self) -> None:
        """4, 7"""
        try:
            for hold in self.holds:
                hold_release(actor=self.organization.owner, workspace=self.workspace, hold=hold)
            self.holds.clear()
            for served in self._running():
                self._end(served)
            for info in self._open():
                assert run(self.workspace, info).certified
            self.what_is_there_is_what_should_be()
            self.certificates_have_their_evidence()
            self.destroy_late_keys()
        finally:
            self.auditor.close()

    # What is known --------------------------------------------------------------------------------------------------

    def _end(self, served: Served) -> None:
        served.refused = self._behind_a_fence(served, self.auditor.see(self.workspace).erasures)
        event(f"refused: {served.refused}")
        end(self.workspace, served)

    def _work(self, which: int, fault: Fault, number: int) -> None:
        info = _one(self._open(), which)
        job = job_of(self.workspace, info)
        held = self._covered_by_holds()
        try:
            FaultAt(fault, number, job).run()
        except Crash:
            connections.close_all()
        end_lease(job)
        event(f"left {erasure_get(self.workspace, info.id).state}")
        self._fenced_none_of(held)

    def _named(self, scope: str, which: int) -> dict | None:
        chosen = _one(self.requests, which)
        if scope == "request":
            return {"request": chosen.id}
        if scope == "subject":
            return None if chosen.subject is None else {"subject": chosen.subject}
        return {}

    def _covers(self, asked: Asked, served: Served) -> bool:
        """Whether an erasure is about a request; of a subject and a workspace, from its fence on."""
        if asked.scope == "request":
            return asked.request == served.id
        if not asked.fenced:
            return False
        if asked.scope == "workspace":
            return True
        return asked.subject == pseudonym(self.workspace, served.subject) and served.id < asked.before

    def _behind_a_fence(self, served: Served, erasures) -> bool:
        return any(asked.fenced and self._covers(asked, served) for asked in erasures.values())

    def _only_by(self, request, done, erasures) -> bool:
        served = next(served for served in self.requests if served.id == request)
        return all(asked.id in done for asked in erasures.values() if asked.fenced and self._covers(asked, served))

    def _covered_by_holds(self) -> set:
        ended = [served for served in self.requests if served.ended and served.subject is not None]
        cleared = {served.id for served in ended} - self.auditor.see(self.workspace).named
        return {
            served.id
            for served in self.requests
            for of in self.holds.values()
            if of == {}
            or of.get("request") == served.id
            or (of.get("subject") == served.subject is not None and served.ended and served.id not in cleared)
        }

    def _fenced_none_of(self, held: set) -> None:
        """What was covered by a hold before a worker ran, and was not fenced then, is not fenced by it."""
        seen = self.auditor.see(self.workspace)
        for asked in seen.erasures.values():
            if asked.fenced and asked.id not in self.was_fenced:
                assert not any(
                    served.id in held and served.ended for served in self.requests if self._covers(asked, served)
                )
                assert asked.scope != "workspace" or not self.holds
            if asked.fenced:
                self.was_fenced.add(asked.id)

    def _running(self) -> list[Served]:
        return [served for served in self.requests if not served.ended]

    def _stored(self) -> list[Served]:
        erasures = self.auditor.see(self.workspace).erasures
        return [served for served in self.requests if served.stored and not self._behind_a_fence(served, erasures)]

    def _unfenced(self) -> list[Served]:
        erasures = self.auditor.see(self.workspace).erasures
        return [served for served in self.requests if not self._behind_a_fence(served, erasures)]

    def _open(self) -> list:
        return [info for info in self.infos.values() if not erasure_get(self.workspace, info.id).certified]

    def _certified(self) -> list:
        return [info for info in self.infos.values() if erasure_get(self.workspace, info.id).certified]

    def _as_owner(self, statement: str, ids) -> None:
        with psycopg.connect(self.owner_url) as owner:
            owner.execute(statement, [list(ids)])


def _one(of, which: int):
    return of[which % len(of)]


def explore(monkeypatch, cluster, examples: int, *phases: Phase) -> None:
    # So that what is asked for after a fence is a new matter at once.
    monkeypatch.setattr(fences, "CLOCKS", timedelta(0))
    monkeypatch.setattr(ErasureMachine, "owner_url", cluster.url("bailiwick_owner"))
    monkeypatch.setattr(ErasureMachine, "organization", make_organization())
    run_state_machine_as_test(
        ErasureMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=20,
            deadline=None,
            database=None,
            phases=phases,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_promises_hold_in_any_order(monkeypatch, cluster) -> None:
    explore(monkeypatch, cluster, 10, Phase.generate)  # what fails is made small by `make chaos`


@pytest.mark.chaos
@pytest.mark.timeout(7200)
def test_the_promises_hold_in_very_many_orders(monkeypatch, cluster) -> None:
    explore(monkeypatch, cluster, int(os.environ.get("ORDERS", "500")), Phase.generate, Phase.shrink)
