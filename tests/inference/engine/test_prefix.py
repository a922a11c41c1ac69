from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from inference.engine.blocks import BLOCK_TOKENS, BlockPool
from inference.engine.prefix import PUBLIC, Domain, PrefixIndex
from inference.engine.request import Generation
from inference.engine.scheduler import Scheduler
from tests.inference.engine.schedules import request, run, scheduler, step

PROMPT = [3 + i % 200 for i in range(100)]
Asked = Callable[..., Generation]


@pytest.fixture
def engine() -> Scheduler:
    return scheduler(200, quota=100)


@pytest.fixture
def asked(engine: Scheduler) -> Asked:
    """Answers a prompt to its end, alone."""

    def ask(tokens: list[int] = PROMPT, answer: int = 4, **given: Any) -> Generation:
        owner, _ = request(tokens, answer, **given)
        engine.submit(owner, 0.0)
        run(engine)
        return owner

    return ask


def test_a_workspace_meets_its_own_prompt_again_and_nobody_else_does(asked: Asked) -> None:
    assert asked(workspace="a").cached_tokens == 0
    assert asked(workspace="a").cached_tokens == 96
    assert asked(workspace="b").cached_tokens == 0
    assert asked(workspace="b").cached_tokens == 96


def test_what_others_cached_and_what_nobody_ever_saw_cost_the_same(engine: Scheduler, asked: Asked) -> None:
    asked(workspace="victim")
    planned = []
    for tokens in (PROMPT, [7] * len(PROMPT)):
        owner, _ = request(tokens, 4, workspace="prober")
        engine.submit(owner, 0.0)
        planned.append([size for computed in run(engine) for _, size in computed])
    assert planned[0] == planned[1]


def test_a_key_shares_with_itself_alone_and_a_request_with_nobody(asked: Asked) -> None:
    asked(cache="key", key="k1")
    assert asked(cache="key", key="k2").cached_tokens == 0
    assert asked(cache="key", key="k1").cached_tokens == 96
    assert asked(cache="workspace").cached_tokens == 0
    assert asked(cache="request").cached_tokens == 0
    assert asked(cache="request").cached_tokens == 0


def test_a_public_beginning_serves_everybody_and_only_the_operator_makes_one(asked: Asked) -> None:
    asked(PROMPT[:48], workspace="operator", cache="public")
    assert asked(workspace="a").cached_tokens == 48
    assert asked(workspace="b").cached_tokens == 48
    assert asked(workspace="a").cached_tokens == 96
    assert asked(workspace="b", cache="request").cached_tokens == 0


def test_the_last_token_is_always_computed(asked: Asked) -> None:
    asked(PROMPT[:64])
    assert asked(PROMPT[:64]).cached_tokens == 48


def test_an_answer_is_met_again_as_the_next_prompt_of_its_conversation(asked: Asked) -> None:
    asked(PROMPT[:20], answer=60)
    assert asked(PROMPT[:20] + [7] * 60).cached_tokens == 64


def test_deterministic_requests_meet_only_whole_pieces_of_their_own_kind(asked: Asked) -> None:
    asked()
    assert asked(deterministic=True).cached_tokens == 0
    assert asked(deterministic=True).cached_tokens == 64


def test_forgetting_makes_everything_unreachable_and_free(engine: Scheduler, asked: Asked) -> None:
    asked(workspace="a")
    asked(workspace="b")
    pool = engine._memory._pool
    pool.take_dirty()
    before = pool.index.epoch("a")

    assert pool.forget("a") == 0

    assert len(pool.take_dirty()) == 6
    assert pool.index.owned("a") == 0
    assert asked(workspace="a").cached_tokens == 0
    assert pool.index.epoch("a") > before
    assert asked(workspace="b").cached_tokens == 96


def test_what_runs_while_its_workspace_is_forgotten_publishes_nothing(engine: Scheduler, asked: Asked) -> None:
    owner, _ = request(PROMPT, 60, workspace="a")
    engine.submit(owner, 0.0)
    step(engine)
    pool = engine._memory._pool
    assert pool.forget("a") == 6  # held by the request, found by nobody
    run(engine)

    assert pool.index.owned("a") == 0
    assert pool.free == pool.capacity
    assert asked(workspace="a").cached_tokens == 0


def test_a_flood_evicts_its_own_blocks_and_a_quiet_workspace_keeps_its_few() -> None:
    engine = scheduler(101, quota=90)
    quiet, _ = request(PROMPT, 4, workspace="quiet")
    engine.submit(quiet, 0.0)
    run(engine)
    for i in range(30):
        owner, _ = request([10 + i] * 200, 4, workspace="noisy")
        engine.submit(owner, 0.0)
        run(engine)

    again, _ = request(PROMPT, 4, workspace="quiet")
    engine.submit(again, 0.0)
    run(engine)
    assert again.cached_tokens == 96
    assert engine._memory._pool.index.evictions > 0


def test_nobody_keeps_more_than_the_quota() -> None:
    engine = scheduler(200, quota=5)
    owner, _ = request(PROMPT, 40)
    engine.submit(owner, 0.0)
    run(engine)

    assert engine._memory._pool.index.idle == 5
    again, _ = request(PROMPT, 4)
    engine.submit(again, 0.0)
    run(engine)
    assert again.cached_tokens == 80  # the beginning is kept, what followed it is not


def test_what_is_not_to_be_trusted_is_found_by_nobody(engine: Scheduler, asked: Asked) -> None:
    owner, _ = request(PROMPT, 40)
    engine.submit(owner, 0.0)
    step(engine)
    engine.remove(owner, keep=False)

    assert asked().cached_tokens == 0


def test_keys_are_drawn_for_each_domain_and_digests_say_nothing() -> None:
    domains = [Domain("workspace", "a"), Domain("workspace", "b"), Domain("key", "a", "k"), Domain("public", PUBLIC)]
    digests = set()
    for index in (PrefixIndex(10), PrefixIndex(10)):
        for domain in domains:
            chain = index.chain(domain)
            assert chain is not None
            digests.update(chain.extend(PROMPT, 6))
    assert len(digests) == 2 * len(domains) * 6


def test_blocks_are_counted_and_not_given_away() -> None:
    pool = BlockPool(4)
    blocks = pool.allocate(2)
    pool.release(blocks)
    with pytest.raises(ValueError, match="twice"):
        pool.release(blocks)
    with pytest.raises(ValueError, match="free"):
        pool.share(blocks)
    with pytest.raises(ValueError, match="available"):
        pool.allocate(4)
    assert BLOCK_TOKENS == 16
