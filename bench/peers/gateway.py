"""A web process of Bailiwick as it runs in production, its redaction left out: ``python -m bench.peers.gateway``."""

from __future__ import annotations

import os
from collections.abc import Sequence

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bailiwick.settings")
django.setup()

import inference.gateway.app as app  # noqa: E402  # Django has to be set up first
from inference.redaction import Evidence, PlaceholderMap, Policy, Recognised, expanded  # noqa: E402


class _Off:
    """In the place of a redactor: to measure what all the rest costs."""

    policy = Policy()

    def redact_texts(
        self, texts: Sequence[str], *, routes: Sequence[str] | None = None, recognised: Recognised | None = None
    ) -> tuple[list[str], PlaceholderMap]:
        return expanded(texts), PlaceholderMap({}, Evidence(0, {}, {}))

    def output(self) -> None:
        return None


if __name__ == "__main__":
    app.application = app.Application(_Off())
    from bailiwick.server import main  # it takes the application when it is imported

    main()
