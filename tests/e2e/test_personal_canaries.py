"""Personal data of every type, through every field and route of `/v1` of a whole cell with its real engine: afterwards no file,
database page, log, broker, metric or span of the cell holds any of it, and the engine's own memory does not either."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

from inference.redaction.finding import IRREVERSIBLE
from tests.canaries import CHAT, HEADERS, PLACES, TYPES, Canary, Fate, Search, body, canary
from tests.e2e.conftest import RunningCell
from tests.e2e.test_canaries import Caller, sinks, store_payloads
from tests.process_memory import memory

EACH = 2
"""Types that go through each place; all of them go through every ten places."""


def test_no_sink_holds_personal_data(cell: RunningCell) -> None:
    caller, admin = Caller(cell, cell.api_key), Caller(cell, cell.admin_key)
    workspace = f"/api/workspaces/{cell.info['workspace']}"
    store_payloads(admin, workspace)
    assert admin("PATCH", f"{workspace}/serving-policy", {"requests_per_minute": 60_000}, {"If-Match": "*"})[0] == 200
    chat, embedding = cell.info["models"]["chat"], cell.info["models"]["embedding"]
    sent: list[Canary] = []

    for path, place, one in everything():
        for stream in (False, True)[: 1 + (one.type == TYPES[0])]:
            asked = {**body(path, chat, embedding, PLACES[path][place].fields(one.text)), "stream": stream}
            status, answer = caller("POST", path, asked)
            assert status < 500, (path, place, answer)
            assert status == 200 or PLACES[path][place].fate is not Fate.IGNORED, (path, place, answer)
            assert PLACES[path][place].fate is not Fate.REFUSED or one.value.encode() not in answer
        sent.append(one)
    for number, name in enumerate(HEADERS):
        one = canary(TYPES[number % len(TYPES)])
        sent.append(one)
        query = f"?user={quote(one.text)}&{quote(one.text)}=1"
        assert caller("POST", CHAT + query, body(CHAT, chat, embedding, {}), {name: one.text.encode()})[0] == 200  # type: ignore[dict-item]

    search = Search(sent)
    assert search.found(sent[0].value.encode()) == [sent[0].value]
    engine = cell.info["processes"]["engine"]
    assert {found for _, data in memory(engine) for found in search.found(data)} == set()
    # The search does look at what there is: what stood in for them was in the engine.
    assert any(b"[[EMAIL_1" in data for _, data in memory(engine))
    for name, sink in sinks(cell):
        leaked = search.found(sink)
        assert not leaked, f"{name} holds {leaked}"


def test_the_caller_of_a_whole_cell_gets_his_words_back(cell: RunningCell) -> None:
    caller, model = Caller(cell, cell.api_key), cell.info["models"]["chat"]

    for one in map(canary, TYPES):
        # An echo is an answer that can be foreseen from a model that writes what it likes.
        asked = {"model": model, "prompt": one.text, "max_tokens": 1, "echo": True}
        status, answer = caller("POST", "/v1/completions", asked)
        text = json.loads(answer)["choices"][0]["text"]
        wanted = one.text.replace(one.value, f"[[{one.type}_1]]") if one.type in IRREVERSIBLE else one.text
        assert status == 200 and text.startswith(wanted), (one.type, text)


def everything() -> Iterator[tuple[str, str, Canary]]:
    number = 0
    for path, places in PLACES.items():
        for place in places:
            for turn in range(EACH):
                yield path, place, canary(TYPES[(EACH * number + turn) % len(TYPES)])
            number += 1
