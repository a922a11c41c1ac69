"""LiteLLM's proxy in an environment of its own, set up in its own favour: one worker, a master key, no database, no callbacks."""

from __future__ import annotations

from pathlib import Path

from bench.peers import packages
from bench.peers.processes import ROOT

VERSION = "1.106.2"
HOME = ROOT / ".cache" / "bench-litellm"
KEY = "sk-bench-0000"


def install() -> Path:
    """The `litellm` command, installed on the first call (about 700 MB)."""
    return packages.install(HOME, [f"litellm[proxy]=={VERSION}"]).with_name("litellm")


def configuration(folder: Path, upstream_port: int, model: str) -> Path:
    """A configuration that passes `model` on to an OpenAI-like server on `upstream_port`."""
    path = folder / "litellm.yaml"
    path.write_text(
        f"""model_list:
  - model_name: {model}
    litellm_params:
      model: openai/{model}
      api_base: http://127.0.0.1:{upstream_port}/v1
      api_key: none
general_settings:
  master_key: {KEY}
litellm_settings:
  num_retries: 0
  telemetry: false
"""
    )
    return path


def environ(given: dict[str, str]) -> dict[str, str]:
    """`given` without this project's paths, and with everything off that LiteLLM would fetch or print."""
    kept = {name: value for name, value in given.items() if not name.startswith(("PYTHON", "BAILIWICK", "DJANGO"))}
    return {
        **kept,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOG": "ERROR",
        "LITELLM_TELEMETRY": "False",
        "NO_PROXY": "127.0.0.1",
    }
