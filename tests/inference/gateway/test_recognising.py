"""A policy's model at work: in a gateway with an engine that a test can foresee, and with a real one."""

from __future__ import annotations

import json
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from inference.engine.protocol import EngineError, Tag, Tagged
from inference.gateway import recognising
from inference.gateway.recognising import decoded
from inference.gateway.redaction_policies import redaction_policy_get, redaction_policy_set
from tests.factories import Organization, make_organization
from tests.inference.engine import checkpoints
from tests.inference.engine.conftest import EngineProcess
from tests.inference.gateway.log import Log
from tests.inference.gateway.scripted import CHAT, TAGGER, tags
from tests.inference.gateway.serving import Served, serving
from tests.inference.gateway.test_redaction_in_force import Decide, chat, decide, until  # noqa: F401  # a fixture

DEMO_TAGGER = Path(__file__).parents[3] / "deploy" / "demo-tagger" / "checkpoint"
NER = {"model": TAGGER, "min_score": 0.6}
TEXT = "gestern rief Huber an"


@pytest.fixture
def scripted(served: Served) -> Iterator[Served]:
    yield served
    served.engine.tagging = tags


def looked(layers: str) -> Callable[[httpx.Response], bool]:
    return lambda answer: answer.headers.get("x-bailiwick-redaction-layers", "").endswith(layers)


def test_a_model_finds_what_nothing_announces(
    client: httpx.Client,
    scripted: Served,
    organization: Organization,
    decide: Decide,  # noqa: F811
    log: Log,
) -> None:
    decide(ner=NER, routes={"system": False})
    until(client, TEXT, looked(f"ner={TAGGER}"))
    messages = [
        {"role": "system", "content": "Huber is left out"},
        {"role": "user", "content": "Meier said anna@example.org"},
        {"role": "user", "content": " "},
        {"role": "user", "content": f"{TEXT}, dann Meier"},
    ]
    scripted.engine.tagged.clear()

    answer = chat(client, "", messages=messages, user="someone")

    asked = scripted.engine.last
    assert [message.content for message in asked.messages] == [
        "Huber is left out",
        "[[NAME_1]] said [[EMAIL_1]]",
        " ",
        "gestern rief [[NAME_2]] an, dann [[NAME_1]]",
    ]
    assert answer.json()["choices"][0]["message"]["content"] == f"{TEXT}, dann Meier"
    assert answer.headers["x-bailiwick-redaction-layers"] == f"patterns,cues,ner={TAGGER}"
    assert answer.headers["x-bailiwick-redactions"] == "EMAIL=1,NAME=3"
    (tagged,) = scripted.engine.tagged
    assert tagged.inputs == [messages[1]["content"], messages[3]["content"]]
    assert (tagged.workspace, tagged.request) == (asked.workspace, asked.request)
    assert (tagged.subject, tagged.lane, tagged.weight) == (asked.subject, asked.lane, asked.weight)
    assert tagged.subject and tagged.deadline_s is not None
    intent = log.intent(answer.headers["x-request-id"])
    assert intent is not None
    assert intent["after"]["ner"] == TAGGER


def test_without_a_model_in_the_policy_no_text_is_tagged(client: httpx.Client, scripted: Served) -> None:
    scripted.engine.tagged.clear()

    answer = chat(client, TEXT)

    assert answer.headers["x-bailiwick-redaction-layers"] == "patterns,cues,ner=none"
    assert scripted.engine.tagged == []
    assert scripted.engine.last.messages[-1].content == TEXT


@pytest.mark.parametrize(
    "failure",
    [
        EngineError(404, "model_not_found", "no such model"),
        EngineError(503, "model_loading", "wait", retry_after_s=3.0),
        EngineError(500, "nonfinite_output", "not finite"),
        EngineError(504, "deadline_exceeded", "late"),
        "silence",
        "other labels",
        "too few scores",
        "too few texts",
    ],
)
def test_a_model_that_cannot_be_asked_stops_the_request(
    client: httpx.Client,
    scripted: Served,
    decide: Decide,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    failure: EngineError | str,
) -> None:
    decide(ner=NER)
    until(client, TEXT, looked(f"ner={TAGGER}"))
    before = len(scripted.engine.requests)
    monkeypatch.setattr(recognising, "WITHIN_S", 0.2)
    monkeypatch.setattr(recognising, "SPARE_S", 0.1)

    def broken(request: Tag) -> Tagged | EngineError | None:
        if isinstance(failure, EngineError):
            return failure
        answer = tags(request)
        if failure == "other labels":
            answer.labels = ["PERSON", "NONE"]
        elif failure == "too few scores":
            answer.scores = answer.scores[4:]
        else:
            answer.counts = [*answer.counts, 0]
        return None if failure == "silence" else answer

    scripted.engine.tagging = broken
    refused = chat(client, TEXT)

    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (503, "redaction_unavailable")
    assert int(refused.headers["retry-after"]) >= 1
    assert "layer ner" in error["message"] and TAGGER in error["message"]
    assert "Huber" not in refused.text
    assert len(scripted.engine.requests) == before


def test_what_is_the_callers_own_is_said_to_the_caller(
    client: httpx.Client,
    scripted: Served,
    decide: Decide,  # noqa: F811
) -> None:
    decide(ner=NER)
    until(client, TEXT, looked(f"ner={TAGGER}"))

    scripted.engine.tagging = lambda _: EngineError(400, "input_too_long", "more than 9 tokens")
    long = chat(client, TEXT)
    scripted.engine.tagging = lambda _: EngineError(410, "request_erased", "erased")
    erased = chat(client, TEXT)
    scripted.engine.tagging = lambda _: None
    headers = {"x-bailiwick-deadline-ms": "100"}
    body = {"model": CHAT, "messages": [{"role": "user", "content": TEXT}]}
    began = time.monotonic()
    scripted.engine.tagging = late
    late_answer = client.post("/v1/chat/completions", json=body, headers=headers)
    too_long = chat(client, "a " * 600_000)

    assert (long.status_code, long.json()["error"]["code"]) == (400, "text_too_long")
    assert (erased.status_code, erased.json()["error"]["code"]) == (410, "request_erased")
    assert (late_answer.status_code, late_answer.json()["error"]["code"]) == (504, "deadline_exceeded")
    assert time.monotonic() - began < 5
    assert (too_long.status_code, too_long.json()["error"]["code"]) == (400, "text_too_long")


def late(request: Tag) -> EngineError:
    assert request.deadline_s is not None and request.deadline_s <= 0.1
    time.sleep(request.deadline_s)
    return EngineError(504, "deadline_exceeded", "late")


def test_where_the_policy_lets_texts_go_on_the_other_layers_still_work(
    client: httpx.Client,
    scripted: Served,
    decide: Decide,  # noqa: F811
    log: Log,
) -> None:
    decide(ner=NER, on_error="allow")
    until(client, TEXT, looked(f"ner={TAGGER}"))
    scripted.engine.tagging = lambda _: EngineError(404, "model_not_found", "no such model")

    answer = chat(client, f"{TEXT}: anna@example.org")

    assert answer.status_code == 200
    assert scripted.engine.last.messages[-1].content == f"{TEXT}: [[EMAIL_1]]"
    assert answer.headers["x-bailiwick-unredacted"] == "true"
    assert answer.headers["x-bailiwick-redaction-layers"] == "patterns,cues,ner=none"
    intent = log.intent(answer.headers["x-request-id"])
    assert intent is not None
    assert intent["after"]["unredacted"] is True and "ner" not in intent["after"]


def test_an_answer_is_read_text_by_text() -> None:
    answer = tags(Tag("r", "w", TAGGER, ["Huber, Meier", "", "wer ist Huber"]))

    spans = decoded(answer, 3)

    assert [[(span.start, span.end, span.label) for span in each] for each in spans] == [
        [(0, 5, "PER"), (7, 12, "PER")],
        [],
        [(8, 13, "PER")],
    ]
    assert decoded(tags(Tag("r", "w", TAGGER, [""])), 1) == [[]]
    with pytest.raises(ValueError, match="other texts"):
        decoded(answer, 2)


# With a real engine ---------------------------------------------------------------------------------------------------


@contextmanager
def real_engine() -> Iterator[EngineProcess]:
    with tempfile.TemporaryDirectory(prefix="engine-") as folder:
        models = Path(folder) / "models"
        models.mkdir()
        checkpoints.save_decoder(models / "chat", longest=4096)
        checkpoints.save_encoder(models / "embed")
        (models / "names").symlink_to(DEMO_TAGGER)
        engine = EngineProcess(Path(folder), models)
        try:
            engine.wait_for("engine.ready")
            yield engine
        finally:
            engine.process.kill()
            engine.process.wait()


@pytest.mark.timeout(180)
def test_names_through_the_whole_cell(django_db_setup: None, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        made = make_organization()
    canary = f"Xaver Q{secrets.token_hex(6)}".title()
    known = "Anna Schmidt"
    text = (
        f"Gestern hat {known} mit {canary} telefoniert. " + "Das Wetter ist heute schön. " * 120 + f"Dann kam {known}."
    )
    messages = [{"role": "user", "content": text}, {"role": "user", "content": f"Was meint {known} dazu?"}]
    headers = {"Authorization": f"Bearer {made.api_key}"}
    with real_engine() as engine, serving(engine.socket) as served:
        with django_db_blocker.unblock():
            refused = [_set(made, model) for model in ("chat", "nobody")]
            accepted = _set(made, "names")
            found = _dry_run(made, text[:80])
        with httpx.Client(base_url=served.url, headers=headers, timeout=60) as client:

            def ask() -> httpx.Response:
                return client.post(
                    "/v1/chat/completions", json={"model": "chat", "messages": messages, "max_tokens": 2}
                )

            answer = ask()
            engine.process.kill()
            engine.process.wait()
            closed = ask()
        log_text = engine.log_text()

    assert "token-classification" in refused[0] and "no model of this name" in refused[1]
    assert accepted == ""
    assert found["layers"] == ["patterns", "cues", "ner=names"]
    first = found["findings"][0]
    assert (first["type"], first["layer"], text[first["start"] : first["end"]]) == ("NAME", "ner", known)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-bailiwick-redaction-layers"] == "patterns,cues,ner=names"
    counts = dict(pair.split("=") for pair in answer.headers["x-bailiwick-redactions"].split(","))
    assert int(counts["NAME"]) >= 3
    assert (closed.status_code, closed.json()["error"]["code"]) == (503, "redaction_unavailable")
    assert "layer ner" in closed.json()["error"]["message"]
    assert int(closed.headers["retry-after"]) >= 1
    assert canary.split()[1] not in log_text + closed.text
    assert known not in log_text + closed.text


def _set(organization: Organization, model: str) -> str:
    """What is wrong with a policy that names the model; empty if it is in force now."""
    from cell.problems import Problem

    try:
        redaction_policy_set(
            actor=organization.owner,
            workspace=organization.workspace,
            document={"ner": {"model": model}},
            expected_version=redaction_policy_get(organization.workspace).version,
        )
    except Problem as problem:
        return str(problem.members["errors"]["ner.model"][0])
    return ""


def _dry_run(organization: Organization, text: str) -> dict[str, Any]:
    from django.test import Client

    answer = Client().generic(
        "POST",
        f"/api/workspaces/{organization.workspace_id}/redactions",
        data=json.dumps({"text": text}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {organization.admin_key}"},
    )
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found
