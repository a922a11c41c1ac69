"""A request, and its erasure."""

from __future__ import annotations

from bailiwick.tour.visit import SECRETS, Tour, require, wait

PROMPT = f"Please confirm to {SECRETS[0]} that the transfer to {SECRETS[1]} went out."


def inference(tour: Tour) -> None:
    chat, embedding = tour.cell["models"]["chat"], tour.cell["models"]["embedding"]
    body = {"model": chat, "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 60, "temperature": 0}
    tour.say.quote("you", PROMPT)
    answer = tour.application.call("POST", "/v1/chat/completions", body)
    tour.request = answer.headers["x-request-id"]
    tour.say.quote(chat, answer.body["choices"][0]["message"]["content"])
    redactions = answer.headers.get("x-bailiwick-redactions", "")
    require(
        "EMAIL=1" in redactions and "IBAN=1" in redactions, f"not everything was redacted: {redactions or 'nothing'}"
    )
    tour.say.fact(
        f"the model saw placeholders instead of {redactions.replace(',', ' and ')}; the answer has them restored"
    )
    usage = answer.body["usage"]
    tour.say.fact(f"{answer.headers['x-request-id']}: {usage['prompt_tokens']} + {usage['completion_tokens']} tokens")
    chunks = list(tour.application.stream("/v1/chat/completions", body | {"stream": True}))
    streamed = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"])
    require(
        streamed == answer.body["choices"][0]["message"]["content"], "the streamed answer differs from the whole one"
    )
    tour.say.fact(f"the same answer streamed in {len(chunks)} pieces, placeholders restored across them")
    vectors = tour.application.call(
        "POST", "/v1/embeddings", {"model": embedding, "input": ["A broken window", "Glass damage", "A tax form"]}
    ).body["data"]
    near, far = (_cosine(vectors[0]["embedding"], vectors[n]["embedding"]) for n in (1, 2))
    require(near > far, "the embeddings make no sense")
    tour.say.fact(f"{embedding}: “A broken window” is {near:.2f} like “Glass damage” and {far:.2f} like “A tax form”")
    unknown = tour.application.try_("POST", "/v1/chat/completions", body | {"model": "gpt-none"})
    require(unknown.status == 404, "a model that is not there was found")
    tour.say.fact(f"a model that is not there: {unknown.status}, {unknown.said}")


def erase(tour: Tour) -> None:
    erasure = tour.admin.call("POST", f"{tour.path}/erasures", {"request": tour.request}).body
    tour.say.fact(f"erasure {erasure['id']} of {tour.request}: {erasure['state']}")
    done = wait(
        tour, f"{tour.path}/erasures/{erasure['id']}", lambda now: now["certified"] or now["state"] == "partial"
    )
    require(done["certified"], f"the erasure ended as {done['state']}")
    found = ", ".join(f"{count} in {store}" for store, count in sorted(done["manifest"].items()))
    require(sum(done["manifest"].values()) > 0, f"the payload was to be stored, and was not: {found}")
    tour.say.fact(f"{done['state']}: found {found}; read again with another credential, nothing is left")
    certificate = tour.admin.call("GET", f"{tour.path}/erasures/{erasure['id']}/certificate").content
    file = tour.home.tour / "certificate.json"
    file.write_bytes(certificate)
    tour.say.fact(f"certificate: {file} ({len(certificate)} bytes, signed)")


def _cosine(one: list[float], other: list[float]) -> float:
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return float(product / (sum(a * a for a in one) * sum(b * b for b in other)) ** 0.5)
