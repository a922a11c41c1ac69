from __future__ import annotations

import pytest

from audit.actions import Action
from audit.formats.line import Line, LineError
from audit.formats.meanings import MEANINGS, UNMAPPED, Outcome, Severity, meaning_of
from tests.audit.formats.entries import LOG, entry, of_every_action


def test_every_action_of_the_registry_has_a_meaning() -> None:
    missing = set(Action) - set(MEANINGS)

    assert not missing, f"add to audit.formats.meanings what a SIEM is to make of: {', '.join(sorted(missing))}"


def test_every_action_has_a_name_of_its_own() -> None:
    names = [meaning.name for meaning in MEANINGS.values()]

    assert len(names) == len(set(names))


def test_an_action_of_a_newer_release_is_written_as_one_that_is_not_mapped() -> None:
    assert meaning_of("moon.landed") is UNMAPPED


@pytest.mark.parametrize(
    ("action", "after", "outcome", "severity"),
    [
        (Action.INFERENCE_COMPLETED, {"status": "completed"}, Outcome.SUCCESS, Severity.INFORMATIONAL),
        (Action.INFERENCE_COMPLETED, {"status": "failed"}, Outcome.FAILURE, Severity.INFORMATIONAL),
        (Action.INFERENCE_COMPLETED, {"status": "cancelled"}, Outcome.FAILURE, Severity.INFORMATIONAL),
        (Action.INFERENCE_COMPLETED, {"status": "unknown"}, Outcome.UNKNOWN, Severity.INFORMATIONAL),
        (Action.INFERENCE_COMPLETED, {"status": 3}, Outcome.UNKNOWN, Severity.INFORMATIONAL),
        (Action.INFERENCE_COMPLETED, None, Outcome.UNKNOWN, Severity.INFORMATIONAL),
        (Action.INFERENCE_REQUESTED, {"kind": "chat"}, Outcome.UNKNOWN, Severity.INFORMATIONAL),
        (Action.EXPORT_COMPLETED, {"state": "ready"}, Outcome.SUCCESS, Severity.INFORMATIONAL),
        (Action.EXPORT_COMPLETED, {"state": "failed"}, Outcome.FAILURE, Severity.CRITICAL),
        (Action.SIGN_IN_REFUSED, {"cause": "code"}, Outcome.FAILURE, Severity.MEDIUM),
        (Action.ERASURE_FAILED, {"state": "partial"}, Outcome.FAILURE, Severity.HIGH),
    ],
)
def test_how_it_went_is_what_the_entry_says(
    action: Action, after: dict[str, object] | None, outcome: Outcome, severity: Severity
) -> None:
    line = Line.of(entry(action.value, after=after).body(), 7, LOG)  # type: ignore[arg-type]

    assert (line.outcome, line.severity) == (outcome, severity)


def test_no_line_is_left_with_an_outcome_to_be_read_elsewhere() -> None:
    for _, found in of_every_action():
        assert Line.of(found.body(), 0, LOG).outcome is not Outcome.STATED


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"v":1}', b"\xff", b"null"])
def test_what_is_no_entry_is_refused_without_being_repeated(body: bytes) -> None:
    with pytest.raises(LineError, match=r"not an entry of version 1$"):
        Line.of(body, 0, LOG)
