from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.sessions.models import Session

from bailiwick.celery import BEAT_SCHEDULE, app
from workspaces.tasks import announce_subprocessors, clear_sessions


def make_session(key: str, *, expires_in: timedelta) -> None:
    Session.objects.create(session_key=key, session_data="", expire_date=datetime.now(UTC) + expires_in)


@pytest.mark.django_db
def test_expired_sessions_are_deleted_and_others_are_kept() -> None:
    make_session("long-ago", expires_in=timedelta(days=-2))
    make_session("just-now", expires_in=timedelta(seconds=-1))
    make_session("at-work", expires_in=timedelta(hours=1))

    clear_sessions()

    assert list(Session.objects.values_list("session_key", flat=True)) == ["at-work"]


def test_clearing_sessions_is_woken_every_day() -> None:
    app.loader.import_default_modules()
    entries = [entry for entry in BEAT_SCHEDULE.values() if entry["task"] == clear_sessions.name]

    assert [entry["schedule"] for entry in entries] == [24 * 3600]
    assert clear_sessions.name in app.tasks


def test_notices_that_were_cut_off_are_given_every_minute() -> None:
    app.loader.import_default_modules()
    entries = [entry for entry in BEAT_SCHEDULE.values() if entry["task"] == announce_subprocessors.name]

    assert [entry["schedule"] for entry in entries] == [60]
    assert announce_subprocessors.name in app.tasks
