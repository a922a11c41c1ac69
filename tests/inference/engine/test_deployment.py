from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from inference.engine import deployment
from inference.engine.deployment import CascadeRule, Deployment, DeploymentError, Version, pick
from inference.engine.window import PRESETS

A, B = Version("a", "a" * 64, 0.75), Version("b", "b" * 64, 0.25)


def test_requests_are_split_by_share_and_the_same_one_always_meets_the_same_version() -> None:
    requests = [f"req_{n}" for n in range(4000)]
    counts = Counter(pick([A, B], request) for request in requests)

    assert 0.22 < counts[1] / 4000 < 0.28
    assert [pick([A, B], request) for request in requests[:100]] == [
        pick([A, B], request) for request in requests[:100]
    ]
    none = msgspec.structs.replace(B, share=0.0)
    assert {pick([msgspec.structs.replace(A, share=1.0), none], request) for request in requests} == {0}
    assert {pick([none, msgspec.structs.replace(A, share=1.0 - 1e-9)], request) for request in requests} == {1}


def test_a_deployment_is_written_in_one_step_and_read_back(tmp_path: Path) -> None:
    whole = Deployment("chat", versions=[A, B], previous=A, window="balanced")
    deployment.write(whole, tmp_path / "chat.json")

    assert [entry.name for entry in tmp_path.iterdir()] == ["chat.json"]
    found = deployment.read(tmp_path / "chat.json")
    assert found == deployment.resolved(whole, tmp_path)
    assert found.batching() == PRESETS["balanced"]


def test_hidden_and_foreign_entries_are_left_alone(tmp_path: Path) -> None:
    for name in ("b", ".partial", "a"):
        (tmp_path / name).mkdir()
    for name in ("c.json", ".d.json.partial", "notes.txt"):
        (tmp_path / name).write_text("{}")

    assert [entry.name for entry in deployment.found_in(tmp_path)] == ["a", "b", "c.json"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (Deployment("Chat", versions=[A, B]), "lower-case letters"),
        (Deployment("chat"), "either versions or a cascade"),
        (Deployment("chat", versions=[A, B], cascade=CascadeRule("x", "y", 0.5)), "either versions or a cascade"),
        (Deployment("chat", versions=[A]), "come to 1"),
        (Deployment("chat", versions=[Version("a", share=1.5), Version("b", share=-0.5)]), "from 0 to 1"),
        (Deployment("chat", versions=[Version("a", "d", 0.5), Version("b", "d", 0.5)]), "the same checkpoint"),
        (Deployment("chat", cascade=CascadeRule("x", "y", 0.0)), "threshold"),
        (Deployment("chat", cascade=CascadeRule("chat", "y", 0.5)), "one of its own models"),
        (Deployment("chat", versions=[Version("a")], window="quick"), "there is no preset 'quick'"),
        (Deployment("chat", versions=[Version("a")], window={"batch_window_ms": 5}), "max_batch_size is missing"),
        (Deployment("chat", format="bailiwick-deployment/2", versions=[Version("a")]), "reads the format"),
    ],
)
def test_what_cannot_be_served_is_refused_with_what_to_change(wrong: Deployment, told: str, tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match=told):
        deployment.write(wrong, tmp_path / f"{wrong.name}.json")
    assert not (tmp_path / f"{wrong.name}.json").exists()


@pytest.mark.parametrize("text", ["", "[]", '{"name": "other", "versions": [{"path": "a"}]}', '{"name": 3}'])
def test_a_file_that_is_no_deployment_is_refused_by_its_name(text: str, tmp_path: Path) -> None:
    (tmp_path / "chat.json").write_text(text)
    with pytest.raises(DeploymentError, match=r"chat\.json"):
        deployment.read(tmp_path / "chat.json")
