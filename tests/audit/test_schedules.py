from __future__ import annotations

import base64
import os
import tarfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from standardwebhooks import Webhook as Reference

from audit import deliveries, schedules
from audit.actions import Action
from audit.deliveries import DeliveryInfo, delivery_list
from audit.log import record, tree_of
from audit.models import AuditEntry, ExportSchedule
from audit.schedules import ScheduleInfo, schedule_change, schedule_create, schedule_end, schedule_get, schedule_list
from audit.sealer import seal_tree
from audit.signing import vkeys
from audit.verifier.__main__ import main
from cell import jobs
from cell.access import WorkspaceRef
from cell.ids import uuid7
from cell.models import Job
from cell.problems import Problem
from cell.tenancy import workspace_scope
from tests.audit.destinations.batches import HERE
from tests.audit.people import a_member, a_workspace
from tests.audit.unpacking import unpack
from tests.peers.certificates import Authority
from tests.peers.collector import Collector
from tests.peers.receiver import Receiver, Said, running

pytestmark = pytest.mark.usefixtures("committed", "sending_here")

SECRET = "whsec_" + base64.b64encode(os.urandom(32)).decode()


@pytest.fixture
def sending_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the operator had allowed this machine's own network."""
    monkeypatch.setattr("audit.described.reach", lambda: HERE)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def siem(authority: Authority, tmp_path: Path) -> Iterator[Receiver]:
    with running(Receiver(authority.server("localhost"), tmp_path)) as found:
        yield found


@pytest.fixture
def workspace() -> WorkspaceRef:
    return a_workspace()


def _log(workspace: WorkspaceRef, count: int) -> None:
    with workspace_scope(workspace):
        for _ in range(count):
            record(actor=a_member(workspace), action=Action.WORKSPACE_UPDATED, workspace=workspace)


def _webhook(siem: Receiver, authority: Authority, **members: Any) -> dict[str, Any]:
    return {"kind": "webhook", "legal_area": "eu", "url": f"{siem.url}/hook", "ca": authority.certificate, **members}


def _create(workspace: WorkspaceRef, destination: object, secrets: object = None, **more: Any) -> ScheduleInfo:
    given = {"signing": [SECRET]} if secrets is None else secrets
    return schedule_create(
        actor=a_member(workspace), workspace=workspace, destination=destination, secrets=given, **more
    )


def _run(workspace: WorkspaceRef, schedule: ScheduleInfo, number: int | None = None) -> ScheduleInfo:
    """The newest run of the schedule, or that of a number, as if it were due."""
    with workspace_scope(workspace):
        runs = ExportSchedule.objects.get(pk=schedule.id).runs if number is None else number
        rows = Job.objects.filter(effect_key=f"delivery/{schedule.id}/{runs}")
        rows.update(run_after="2020-01-01T00:00:00Z")
        job = rows.get().id
    jobs.run(job)
    return schedule_get(workspace, schedule.id)


def _deliveries(workspace: WorkspaceRef, schedule: ScheduleInfo) -> list[DeliveryInfo]:
    return delivery_list(workspace, schedule.id, list)[::-1]


def _sequence(siem: Receiver) -> list[int]:
    """Places in the log of what the SIEM has."""
    return [
        msgspec.json.decode(line)["metadata"]["sequence"] for heard in siem.heard for line in heard.body.splitlines()
    ]


def _actions(workspace: WorkspaceRef) -> list[str]:
    with workspace_scope(workspace):
        rows = AuditEntry.objects.filter(workspace_id=workspace.id).order_by("id")
        return [msgspec.json.decode(bytes(row.body))["action"] for row in rows]


def test_a_schedule_sends_the_log_from_its_first_entry_and_goes_on_a_week_later(
    workspace: WorkspaceRef, siem: Receiver, authority: Authority, tmp_path: Path
) -> None:
    _log(workspace, 5)
    made = _create(workspace, _webhook(siem, authority))

    after = _run(workspace, made)
    _log(workspace, 3)
    _run(workspace, made)

    assert (made.interval_hours, made.format, made.state) == (168, "ocsf", "active")
    assert after.next_at is not None and timedelta(days=6, hours=23) < after.next_at - made.created_at < timedelta(
        days=8
    )
    assert _sequence(siem) == list(range(10))  # 5, the schedule's own, that the first was delivered, 3
    for heard in siem.heard:
        Reference(SECRET).verify(heard.body, heard.headers, json_parse=False)
    first, second = _deliveries(workspace, made)
    assert (first.first, first.end, second.first, second.end) == (0, 6, 6, 10)
    assert {first.state, second.state} == {"acknowledged"} and first.evidence == "accepted"
    folders = [_taken_home(workspace, made, found, tmp_path) for found in (first, second)]
    assert main([str(folders[0]), "--key", vkeys()[0]]) == 0
    assert main([str(folders[1]), "--previous", str(folders[0])]) == 0


def _taken_home(workspace: WorkspaceRef, schedule: ScheduleInfo, found: DeliveryInfo, folder: Path) -> Path:
    with (
        deliveries.delivery_download(
            actor=a_member(workspace), workspace=workspace, schedule=schedule.id, delivery=found.id
        ) as content,
        tarfile.open(fileobj=content, mode="r|") as tar,
    ):
        unpack(tar, folder / found.id.hex)
    return folder / found.id.hex


def test_nothing_moves_on_until_it_is_acknowledged_and_what_comes_again_is_the_same(
    workspace: WorkspaceRef, siem: Receiver, authority: Authority
) -> None:
    _log(workspace, 5)
    made = _create(workspace, _webhook(siem, authority))
    siem.said = Said(503)
    failed = _run(workspace, made)
    _log(workspace, 2)
    _run(workspace, made)
    (delivery,) = _deliveries(workspace, made)

    assert (failed.state, failed.cause, delivery.state, delivery.sent_lines) == ("active", "busy", "sent", 0)
    siem.said = Said(204)
    done = _run(workspace, made)

    assert (done.state, done.cause) == ("active", "")
    assert [found.end for found in _deliveries(workspace, made)] == [6]
    assert len({heard.body for heard in siem.heard}) == 1 and len(siem.heard) == 3
    assert len({heard.headers["webhook-id"] for heard in siem.heard}) == 1


def test_batches_that_were_acknowledged_are_not_sent_again(
    workspace: WorkspaceRef, siem: Receiver, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit.packed.MOST_LINES", 3)
    _log(workspace, 8)
    made = _create(workspace, _webhook(siem, authority))
    answers = [Said(200), Said(500)]
    monkeypatch.setattr(siem, "answer", lambda heard: answers.pop(0) if answers else Said(200))

    _run(workspace, made)
    (half,) = _deliveries(workspace, made)
    _run(workspace, made)
    (whole,) = _deliveries(workspace, made)

    assert (half.state, half.sent_lines) == ("sent", 3)
    assert (whole.state, whole.sent_lines) == ("acknowledged", 9)
    assert _sequence(siem) == [0, 1, 2, 3, 4, 5, 3, 4, 5, 6, 7, 8]
    assert siem.heard[1].body == siem.heard[2].body


def test_a_worker_that_dies_after_sending_sends_the_same_again(
    workspace: WorkspaceRef, siem: Receiver, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    _log(workspace, 2)
    made = _create(workspace, _webhook(siem, authority))

    class Dead(BaseException):
        pass

    def die(*_: object) -> None:
        raise Dead

    with monkeypatch.context() as patch:
        patch.setattr("audit.delivery_job._acknowledge", die)
        with pytest.raises(Dead):
            _run(workspace, made)
    with workspace_scope(workspace):
        Job.objects.filter(effect_key=f"delivery/{made.id}/1").update(lease_until="2020-01-01T00:00:00Z")
    _run(workspace, made)

    (delivery,) = _deliveries(workspace, made)
    assert (delivery.state, _sequence(siem)) == ("acknowledged", [0, 1, 2])
    assert _actions(workspace).count("export-delivery.acknowledged") == 1


def test_turning_it_off_is_in_the_last_delivery(workspace: WorkspaceRef, siem: Receiver, authority: Authority) -> None:
    made = _create(workspace, _webhook(siem, authority))
    _run(workspace, made)

    ending = schedule_end(actor=a_member(workspace), workspace=workspace, schedule=made.id)
    again = schedule_end(actor=a_member(workspace), workspace=workspace, schedule=made.id)
    ended = _run(workspace, made)
    _log(workspace, 3)
    seal_tree(tree_of(workspace))

    assert (ending.state, again, ended.state) == ("ending", ending, "ended")
    last = [msgspec.json.decode(line)["metadata"]["event_code"] for line in siem.heard[-1].body.splitlines()]
    assert last == ["export-delivery.acknowledged", "export-schedule.ended"]
    with workspace_scope(workspace):
        row = ExportSchedule.objects.get(pk=made.id)
        assert row.secrets is None
        assert not Job.objects.filter(effect_key=f"delivery/{made.id}/{row.runs + 1}").exists()


def test_a_delivery_that_was_under_way_when_it_was_turned_off_comes_first(
    workspace: WorkspaceRef, siem: Receiver, authority: Authority
) -> None:
    siem.said = Said(503)
    made = _create(workspace, _webhook(siem, authority))
    _run(workspace, made)
    schedule_end(actor=a_member(workspace), workspace=workspace, schedule=made.id)
    siem.said = Said(200)

    between = _run(workspace, made)
    ended = _run(workspace, made)

    assert (between.state, ended.state) == ("ending", "ended")
    assert [found.state for found in _deliveries(workspace, made)] == ["acknowledged"] * 2
    assert b"export-schedule.ended" in siem.heard[-1].body


def test_a_destination_that_refuses_stops_it_until_somebody_mends_it(
    workspace: WorkspaceRef, siem: Receiver, authority: Authority
) -> None:
    siem.said = Said(401)
    made = _create(workspace, _webhook(siem, authority))

    stopped = _run(workspace, made)
    assert (stopped.state, stopped.cause, stopped.next_at) == ("stopped", "refused", None)
    assert _actions(workspace)[-1] == "export-delivery.stopped"
    heard = len(siem.heard)
    _run(workspace, made)
    assert len(siem.heard) == heard

    siem.said = Said(200)
    changed = schedule_change(
        actor=a_member(workspace),
        workspace=workspace,
        schedule=made.id,
        expected_version=1,
        interval_hours=24,
    )
    done = _run(workspace, made)

    assert (changed.state, changed.version, changed.interval_hours, done.state) == ("active", 2, 24, "active")
    assert siem.heard[0].body == siem.heard[-1].body
    assert [found.state for found in _deliveries(workspace, made)] == ["acknowledged"]


def test_one_that_was_turned_off_and_cannot_be_delivered_ends_after_a_day(
    workspace: WorkspaceRef, siem: Receiver, authority: Authority
) -> None:
    siem.said = Said(503)
    made = _create(workspace, _webhook(siem, authority))
    schedule_end(actor=a_member(workspace), workspace=workspace, schedule=made.id)
    assert _run(workspace, made).state == "ending"
    with workspace_scope(workspace):
        row = ExportSchedule.objects.get(pk=made.id)
        row.ended_at = row.created_at - timedelta(days=1, minutes=1)
        row.save()

    ended = _run(workspace, made)

    assert (ended.state, ended.cause) == ("ended", "busy")
    assert _actions(workspace)[-1] == "export-delivery.stopped"


def test_a_run_that_was_overtaken_does_nothing(workspace: WorkspaceRef, siem: Receiver, authority: Authority) -> None:
    made = _create(workspace, _webhook(siem, authority))
    schedule_change(
        actor=a_member(workspace), workspace=workspace, schedule=made.id, expected_version=1, interval_hours=1
    )

    _run(workspace, made, number=1)
    assert siem.heard == []
    _run(workspace, made, number=2)
    assert len(siem.heard) == 1


def test_two_schedules_have_each_the_whole_log(
    workspace: WorkspaceRef, siem: Receiver, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "splunk").mkdir()
    splunk = Collector(authority.server("localhost"), tmp_path / "splunk", "token")
    _log(workspace, 4)
    with running(splunk):
        hec = {"kind": "splunk-hec", "legal_area": "eu", "url": splunk.url, "ca": authority.certificate}
        one = _create(workspace, _webhook(siem, authority))
        other = _create(workspace, hec, {"token": "token"})
        _run(workspace, one)
        _run(workspace, other)

    places = [event["event"]["metadata"]["sequence"] for event in splunk.indexed]
    assert _sequence(siem)[:4] == places[:4] == [0, 1, 2, 3]
    assert [found.evidence for found in _deliveries(workspace, other)] == ["indexed"]


def test_a_long_log_takes_several_deliveries_one_after_the_other(
    workspace: WorkspaceRef, siem: Receiver, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit.delivery_job.MOST_ENTRIES", 5)
    for _ in range(4):
        _log(workspace, 4)
        seal_tree(tree_of(workspace))
    made = _create(workspace, _webhook(siem, authority))

    states = [_run(workspace, made) for _ in range(4)]

    assert [found.end for found in _deliveries(workspace, made)][:3] == [4, 8, 12]
    assert states[0].next_at is not None and states[0].next_at - made.created_at < timedelta(hours=1)
    assert _sequence(siem)[:16] == list(range(16))


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"legal_area": "us"}, "legal area"),
        ({"legal_area": "eu", "region": "us-ea-1"}, "region"),
        ({"url": "http://siem.example/"}, "https"),
        ({"ca": "nonsense"}, "PEM"),
        ({"more": 1}, "described"),
        ({"kind": "pigeon"}, "described"),
    ],
)
def test_a_destination_that_is_none_or_elsewhere_is_refused_before_anything_is_made(
    workspace: WorkspaceRef, siem: Receiver, authority: Authority, members: dict[str, Any], said: str
) -> None:
    with pytest.raises(Problem) as refused:
        _create(workspace, _webhook(siem, authority) | members)

    assert refused.value.status_code == 400 and said in str(refused.value.detail)
    assert schedule_list(workspace, list) == [] and _actions(workspace) == []


def test_a_law_that_changes_stops_what_was_allowed_before(
    workspace: WorkspaceRef, siem: Receiver, authority: Authority
) -> None:
    made = _create(workspace, _webhook(siem, authority))
    with workspace_scope(workspace):
        row = ExportSchedule.objects.get(pk=made.id)
        row.destination = {**row.destination, "legal_area": "us"}
        row.save()

    stopped = _run(workspace, made)

    assert (stopped.state, stopped.cause, siem.heard) == ("stopped", "forbidden", [])


def test_neither_rows_nor_entries_hold_a_secret(workspace: WorkspaceRef, siem: Receiver, authority: Authority) -> None:
    made = _create(workspace, _webhook(siem, authority))

    with workspace_scope(workspace):
        row = ExportSchedule.objects.get(pk=made.id)
        entries = [bytes(entry.body) for entry in AuditEntry.objects.filter(workspace_id=workspace.id)]
    assert SECRET.encode() not in bytes(row.secrets or b"") + msgspec.json.encode(row.destination) + b"".join(entries)
    assert siem.url.encode() not in b"".join(entries)


def test_a_schedule_is_there_for_its_workspace_alone_and_there_are_not_too_many(
    workspace: WorkspaceRef, siem: Receiver, authority: Authority
) -> None:
    made = [_create(workspace, _webhook(siem, authority)) for _ in range(schedules.MOST_SCHEDULES)]
    foreign = a_workspace()

    with pytest.raises(Problem) as too_many:
        _create(workspace, _webhook(siem, authority))
    for ask in (
        lambda: schedule_get(foreign, made[0].id),
        lambda: schedule_end(actor=a_member(foreign), workspace=foreign, schedule=made[0].id),
        lambda: schedule_get(workspace, uuid7()),
        lambda: deliveries.delivery_download(
            actor=a_member(foreign), workspace=foreign, schedule=made[0].id, delivery=uuid7()
        ),
    ):
        with pytest.raises(Problem) as hidden:
            ask()
        assert hidden.value.status_code == 404

    assert too_many.value.status_code == 409
    assert schedule_list(foreign, list) == [] and delivery_list(foreign, made[0].id, list) == []
