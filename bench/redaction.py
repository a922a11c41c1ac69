"""The redactor beside Presidio, patterns only: accuracy on the project's corpus, speed, memory, and false findings in source
code, which holds no personal data but its authors'.

Presidio runs twice: with the recognizers that it loads by default, and with every one that it has for a country of the EU
(`bench.peers.redactor_theirs`). All are single-threaded, in processes of their own, and take turns; a round times each on
the same texts. Speed is the texts' UTF-8 bytes over the seconds of finding, without replacing; a megabyte is 10^6 bytes. All
times are CPU time of the process, so that whatever else runs on the machine takes none of it.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bench.corpus import PARTS, Document, corpus
from bench.corpus.authors import is_author
from bench.corpus.scores import anything, details, free_form, structured, totals
from bench.corpus.speech import dense, typical
from bench.peers.demo_names import DemoNames
from bench.peers.redactors import RedactorProcess, install, ours, theirs
from bench.report import Measure, NothingMeasured, Options, at_least, at_most, more_is_better
from inference.redaction import Redactor

SEED = 4
ROUNDS = 5
SIZES = (512, 4096, 32_768)
TEXTS = {512: 400, 4096: 100, 32_768: 12}
"""Texts of each size, every one another."""
KINDS: dict[str, Callable[[int, int], str]] = {"typical": typical, "dense": dense}
FLOORS = {"typical": 40.0, "dense": 6.0}
"""Promised MB/s, from 4 KB on."""
RATIOS = {"typical": 100.0, "dense": 25.0}
"""Promised times Presidio's default throughput, from 4 KB on."""
REQUESTS = 400
SOURCE_BYTES = 500_000
"""Of the standard library, for Presidio: the whole of it would take it minutes."""
ASIDE = frozenset(("EMAIL", "IP", "EMAIL_ADDRESS", "IP_ADDRESS"))
"""Findings in source code that are mostly right. Names are looked at one by one (`bench.corpus.authors`)."""


def run(options: Options) -> Iterator[Measure]:
    options.say("starting the redactors; the first run installs Presidio and takes minutes")
    install()
    with ExitStack() as stack:
        us = stack.enter_context(ours())
        peers = [stack.enter_context(theirs(kind)) for kind in ("default", "eu")]
        us.seconds([make(SEED, 4096) for make in KINDS.values()], options.seconds)
        alone = us.ask("memory")
        yield from _accuracy(options, us, peers)
        yield from _with_a_model(options)
        yield from _source(options, us, peers)
        yield from _speed(options, us, peers)
        yield from _whole_requests(options, us)
        yield from _policies(options, us)
        yield at_most("redaction/memory", alone["resident"], "MB", 40)


def _accuracy(options: Options, us: RedactorProcess, peers: Sequence[RedactorProcess]) -> Iterator[Measure]:
    for part in PARTS:
        options.say(f"finding in the {part} part of the corpus")
        documents = corpus(part)
        mine = _judged(us, documents)
        yield from totals(part, mine)
        if part == "tuned":
            yield from details(part, mine)
        verdict = structured(mine)
        for peer in peers:
            other = anything(_judged(peer, documents))
            for name, value, peer_value, count in (
                ("recall", verdict.recall, other.recall, verdict.values),
                ("precision", verdict.precision, other.precision, verdict.findings),
            ):
                yield more_is_better(
                    f"redaction/{name}/{part}/beside_{peer.name}", value, name, peer.name, peer_value, samples=count
                )


def _with_a_model(options: Options) -> Iterator[Measure]:
    """Names and addresses where the demo tagger looks as well, which is trained on seven of the languages: it shows that the layer
    works, and measures no real model."""
    redactor = Redactor(ner=DemoNames())
    for part in PARTS:
        options.say(f"finding in an eighth of the {part} part of the corpus with the demo tagger")
        documents = corpus(part)[::8]
        found = [[(f.start, f.end, f.type, f.score) for f in redactor.find(document.text)] for document in documents]
        yield from free_form(part, list(zip(documents, found, strict=True)), "ner_")


def _judged(process: RedactorProcess, documents: list[Document]) -> Any:
    return list(zip(documents, process.spans([document.text for document in documents]), strict=True))


def _source(options: Options, us: RedactorProcess, peers: Sequence[RedactorProcess]) -> Iterator[Measure]:
    """Findings a megabyte of the standard library's own modules, ours in all of them, the peers' in a sample."""
    options.say("finding in the standard library's source")
    home = Path(os.__file__).parent
    paths = [
        path for path in sorted(home.rglob("*.py")) if "site-packages" not in path.parts and "test" not in path.parts
    ]
    texts = [path.read_text("utf-8", "replace") for path in paths]
    value = _per_megabyte(us, texts)
    yield at_most("redaction/false_findings/source", value, "1/MB", 5, samples=len(texts))
    random.Random(SEED).shuffle(texts)
    sample: list[str] = []
    while texts and sum(map(len, sample)) < SOURCE_BYTES:
        sample.append(texts.pop())
    for peer in peers:
        name = f"redaction/false_findings/source/beside_{peer.name}"
        other = _per_megabyte(peer, sample)
        yield Measure(name, value, "1/MB", peer.name, other, other / value if value else None, samples=len(sample))


def _per_megabyte(process: RedactorProcess, texts: list[str]) -> float:
    found = sum(
        kind not in ASIDE and not (kind == "NAME" and is_author(text[start:end]))
        for text, spans in zip(texts, process.spans(texts), strict=True)
        for start, end, kind, _ in spans
    )
    return found / (_bytes(texts) / 1e6)


def _speed(options: Options, us: RedactorProcess, peers: Sequence[RedactorProcess]) -> Iterator[Measure]:
    shuffled = random.Random(SEED)
    for kind, make in KINDS.items():
        for size in SIZES:
            options.say(f"timing {kind} texts of {size} bytes")
            texts = [make(SEED + number, size) for number in range(TEXTS[size])]
            rates: dict[str, list[float]] = {}
            times: list[float] = []
            for number in range(ROUNDS + 1):
                for process in shuffled.sample([us, *peers], 1 + len(peers)):
                    seconds = process.seconds(texts, options.seconds / 5)
                    if number:
                        rates.setdefault(process.name, []).append(_bytes(texts[: len(seconds)]) / sum(seconds) / 1e6)
                        times += seconds if process is us else []
            yield from _rates(f"{kind}/{size}", kind if size >= 4096 else "", rates, us.name, times)


def _rates(name: str, promised: str, rates: dict[str, list[float]], us: str, times: list[float]) -> Iterator[Measure]:
    """`promised` is the kind of text whose promises hold, or empty."""
    mine = median(rates.pop(us))
    name = f"redaction/throughput/{name}"
    if promised:
        yield at_least(name, mine, "MB/s", FLOORS[promised], samples=len(times))
    else:
        yield Measure(name, mine, "MB/s", samples=len(times))
    yield Measure(f"{name}/p50", median(times) * 1e6, "us", samples=len(times))
    for peer, theirs_rates in rates.items():
        at = RATIOS[promised] if promised and peer == "presidio-default" else None
        yield more_is_better(
            f"{name}/beside_{peer}", mine, "MB/s", peer, median(theirs_rates), at_least=at, samples=ROUNDS
        )


def _whole_requests(options: Options, us: RedactorProcess) -> Iterator[Measure]:
    options.say("timing whole requests and restoring")
    bodies = [_body(SEED + number) for number in range(REQUESTS)]
    us.ask("requests", bodies)
    seconds = us.ask("requests", bodies)
    yield at_most("redaction/request_4k/p50", median(seconds) * 1e6, "us", 150, samples=len(seconds))
    yield at_most("redaction/request_4k/p95", quantiles(seconds, n=20)[-1] * 1e6, "us", 400, samples=len(seconds))
    texts = [dense(SEED + number, 4096) for number in range(50)]
    us.ask("restoring", texts)
    seconds = us.ask("restoring", texts)
    if not seconds:
        raise NothingMeasured("redaction: nothing was restored")
    yield at_most("redaction/restore_token", median(seconds) * 1e6, "us", 1, samples=len(seconds))


def _policies(options: Options, us: RedactorProcess) -> Iterator[Measure]:
    """Loading what was compiled when a policy was saved, as a web process does before the first request by it."""
    options.say("loading compiled policies")
    documents = {"policy_load": _policy(0), "policy_load/100_patterns": _policy(100)}
    for name, seconds in zip(documents, us.ask("loading", list(documents.values())), strict=True):
        yield at_most(f"redaction/{name}", median(seconds) * 1e3, "ms", 5, samples=len(seconds))


def _policy(patterns: int) -> dict[str, Any]:
    """What a workspace may have decided, with so many patterns of its own."""
    own = [{"id": f"own-{index}", "label": "OWN", "pattern": f"K{index}-[0-9A-F]{{4,10}}"} for index in range(patterns)]
    return {
        "version": 2,
        "entities": {
            "IBAN": {"action": "block"},
            "EMAIL": {"action": "hash"},
            "BIC": {"action": "mask", "context": "required"},
        },
        "languages": ["de", "fr"],
        "custom": own,
        "allow": {"domains": ["example.com"]},
        "deny": {"values": ["Projekt Aurora"]},
    }


def _body(seed: int) -> dict[str, Any]:
    """A chat of 4 KB: a system prompt, a few turns, and one message in parts."""
    text = typical(seed, 4096)
    cuts = [0, 600, 1400, 2400, 3200, 4096]
    pieces = [text[start:end] for start, end in pairwise(cuts)]
    roles = ("system", "user", "assistant", "user", "user")
    messages: list[dict[str, Any]] = [
        {"role": role, "content": piece} for role, piece in zip(roles, pieces, strict=True)
    ]
    messages[-1]["content"] = [{"type": "text", "text": pieces[-1]}]
    return {"model": "chat", "messages": messages}


def _bytes(texts: Sequence[str]) -> int:
    return sum(len(text.encode()) for text in texts)
