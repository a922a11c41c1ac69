"""What other tools were reported to get wrong when they put originals back or kept them, each as a test of this one.

Those of whole requests are in `tests/inference/gateway/test_published_failures.py`.
"""

from __future__ import annotations

import json
import threading

import pytest

from inference.redaction import Policy, Redactor

REDACTOR = Redactor()
TWELVE = " ".join(f"user{number}@example.com" for number in range(1, 13))


def streamed(chunks: list[str], text: str = "anna@example.com", *, in_json: bool = False) -> str:
    stream = REDACTOR.redact(text)[1].stream(in_json=in_json)
    return "".join(map(stream.feed, chunks)) + stream.finish()


def test_litellm_a_placeholder_that_was_cut_became_another_persons_name() -> None:
    # "<PERSON_1" of <PERSON_12> was completed to the first that began so.
    assert streamed(["Dear [[EMAIL_1"], TWELVE) == "Dear [[EMAIL_1"
    assert streamed(["Dear [[EMAIL_1", "2]]"], TWELVE) == "Dear user12@example.com"
    assert streamed(["Dear [[EMAIL_1]", "2]]"], TWELVE) == "Dear [[EMAIL_1]2]]"


def test_litellm_the_beginning_of_a_placeholder_became_a_name() -> None:
    # "List<PERSON" became "ListAlice" although nothing of the kind stood there.
    assert streamed(["List[[EMAIL"]) == "List[[EMAIL"
    assert streamed(["List[", "[EMAIL", "]]"]) == "List[[EMAIL]]"


def test_litellm_what_was_put_back_was_searched_again() -> None:
    # Who typed a placeholder got what another part of the request held.
    texts = ["The owner is boss@example.com.", "My file is called [[EMAIL_1]], write to me@example.com"]

    redacted, placeholders = REDACTOR.redact_texts(texts)

    assert [placeholders.restore(text) for text in redacted] == texts
    assert "boss" not in placeholders.restore(texts[1])


def test_litellm_tool_results_and_arguments_were_left_as_they_were() -> None:
    # They are texts of the request like all others; `tests/canaries.py` sends every type through both.
    texts = ["to anna@example.com", '{"to": "anna@example.com"}']

    redacted, placeholders = REDACTOR.redact_texts(texts, routes=["user", "tool_results"])

    assert redacted == ["to [[EMAIL_1]]", '{"to": "[[EMAIL_1]]"}']
    assert placeholders.restore(redacted[1], in_json=True) == texts[1]


def test_llm_guard_one_vault_served_every_request_and_every_thread() -> None:
    outcomes: list[bool] = []

    def work(number: int) -> None:
        text = f"user{number}@example.com"
        for _ in range(50):
            redacted, placeholders = REDACTOR.redact(text)
            outcomes.append(
                redacted == "[[EMAIL_1]]" and placeholders.restore("[[EMAIL_1]] [[EMAIL_2]]") == f"{text} [[EMAIL_2]]"
            )

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outcomes == [True] * 200


def test_llm_guard_the_second_prompt_got_the_first_ones_values() -> None:
    _, first = REDACTOR.redact("anna@example.com")
    _, second = REDACTOR.redact("bob@example.com")

    assert first.restore("[[EMAIL_1]]") == "anna@example.com"
    assert second.restore("[[EMAIL_1]]") == "bob@example.com"


@pytest.mark.parametrize("value", [r"C:\1\g<0>", "$&$1", "(a|b)*[", "\\", "%s {0}"])
def test_llm_guard_originals_were_taken_for_expressions(value: str) -> None:
    literal = Redactor(Policy.from_json({"version": 2, "deny": {"values": [f"kept {value} kept"]}}))
    text = f"Look: kept {value} kept."

    redacted, placeholders = literal.redact(text)

    assert redacted == "Look: [[DENIED_1]]."
    assert placeholders.restore(redacted) == text
    assert json.loads(placeholders.restore(json.dumps([redacted]), in_json=True)) == [text]


def test_llm_guard_a_longer_placeholder_was_replaced_by_a_shorter_ones_value() -> None:
    # "[[EMAIL_1]]" in a chain of replacements, before or after "[[EMAIL_11]]".
    redacted, placeholders = REDACTOR.redact(TWELVE)

    assert placeholders.restore(redacted) == TWELVE
    assert streamed(list(redacted), TWELVE) == TWELVE


def test_langchain_the_same_name_twice_got_two_stand_ins() -> None:
    redacted, _ = REDACTOR.redact_texts(
        ["Herr Müller fragt.", "Antwort an Herrn Müller", "my name is Anna Schmidt. Anna Schmidt"]
    )

    assert redacted[0] == "Herr [[NAME_1]] fragt."
    assert "[[NAME_1]]" in redacted[1]
    assert redacted[2] == "my name is [[NAME_2]]. [[NAME_2]]"


def test_presidio_a_recognizer_kept_state_from_one_text_to_the_next() -> None:
    good, bad = "DE89 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130 01"

    found = [[finding.type for finding in REDACTOR.find(text)] for text in (good, bad, good, bad)]

    assert found[0] == found[2] == ["IBAN"]
    assert found[1] == found[3] != ["IBAN"]


def test_rehydra_a_chunk_that_ended_inside_a_placeholder_let_its_beginning_go() -> None:
    stream = REDACTOR.redact("anna@example.com")[1].stream()

    passed = [stream.feed(piece) for piece in ("to ", "[", "[E", "MA", "IL_", "1", "]", "]", " now")]

    assert passed == ["to ", "", "", "", "", "", "", "anna@example.com", " now"]


def test_voidllm_only_the_beginning_of_an_issued_placeholder_waits() -> None:
    stream = REDACTOR.redact("anna@example.com")[1].stream()

    assert stream.feed("[[IBAN_1") == "[[IBAN_1"
    assert stream.feed("[[EMAIL_7") == "[[EMAIL_7"
    assert stream.feed(" [[EMAIL_") == " "


def test_wso2_a_placeholder_over_more_than_five_events_got_through() -> None:
    written = r"\[ \[ EMAIL\_ 1\] \]"
    for piece in range(1, len(written)):
        chunks = [written[start : start + piece] for start in range(0, len(written), piece)]
        assert streamed(["to ", *chunks, "!"]) == "to anna@example.com!"


def test_pasteguard_an_allowed_expression_that_fits_a_part_let_the_whole_value_pass() -> None:
    allowing = Redactor(Policy.from_json({"version": 2, "allow": {"patterns": ["[a-z]{1,9}@example[.]org"]}}))

    assert allowing.redact("anna@example.org")[0] == "anna@example.org"
    assert allowing.redact("anna@example.org.uk, my.anna@example.org")[0] == "[[EMAIL_1]], [[EMAIL_2]]"


def test_stella_system_prompts_made_from_users_data_were_left_out() -> None:
    redacted, _ = REDACTOR.redact_texts(["You serve anna@example.com."], routes=["system"])

    assert redacted == ["You serve [[EMAIL_1]]."]
