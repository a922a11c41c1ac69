"""The ordinary text that customers' expressions are tried on: prose, letters, code, tables and logs, with nobody in them."""

from __future__ import annotations

from typing import Final

ORDINARY_BYTES: Final = 64 * 1024
HOSTILE_BYTES: Final = 16 * 1024
"""Bytes of the texts of a trial."""

_TEXT: Final = """
The committee met in the second week of March and agreed that the bridge should be painted before the winter. Nobody asked what
it would cost, and when the first estimate came, 12,400 for the paint alone, the subject was moved to the next agenda. Minutes were
kept by hand, as they always had been; the secretary, who disliked machines, wrote 38 pages and lost two of them.
Die Sitzung begann um 14:30 Uhr mit einem Bericht über den Stand der Arbeiten. Von 27 geplanten Abschnitten sind 19 fertig, drei
weitere werden bis Ende des Monats übergeben. Über die Kosten wurde nicht gesprochen, die Rechnung vom 03.02.2025 ist noch offen.
Le train de 8 h 15 est arrivé avec vingt minutes de retard, ce qui n'a surpris personne. Le chef de gare a expliqué que la neige,
tombée toute la nuit, avait bloqué l'aiguillage; les voyageurs, eux, ont surtout retenu que le café était fermé.
Il mercato apre alle sette e chiude quando la merce è finita. Zebraliśmy się w sali na pierwszym piętrze, żeby omówić budżet.
Order no. 4711-A, 3 pcs., net 129.90, VAT 19 %, total 154.58. Invoice 2024-000317 was paid on 2024-11-02. Ticket #88213 is closed.
def total(rows: list[dict[str, int]]) -> int:
    return sum(row["count"] * row["price"] for row in rows if row.get("state") != "void")
for (let i = 0; i < items.length; i++) { queue.push({ id: items[i].id, retries: 0, due: Date.now() + 5000 }); }
2025-01-17T09:41:22.318Z INFO  worker-3 job=7f3a9c12e5 step=4/9 took=183ms rss=241MB cache=hit sha=9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d
2025-01-17T09:41:22.519Z WARN  worker-1 job=7f3a9c12e6 retry=2 reason="upstream closed" backoff=400ms url=/v1/items?page=12&limit=50
| region | units | share |  2023 |  2024 |
|--------|------:|------:|------:|------:|
| north  |   118 | 41.2% | 1,204 | 1,377 |
| south  |    93 | 32.5% |   988 | 1,012 |
{"model": "demo-chat", "temperature": 0.7, "max_tokens": 256, "stream": true, "stop": ["\\n\\n"], "seed": 42}
"""

ORDINARY: Final = (_TEXT.encode("latin-1", "ignore") * (ORDINARY_BYTES // len(_TEXT) + 1))[:ORDINARY_BYTES]
