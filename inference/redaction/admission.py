"""Admission: a policy of somebody else's is compiled and tried under a budget, in a process of its own.

Whatever the expressions are, they run in engines that take time linear in the text; the budget bounds what that time and the
memory can be. The process ends with the compiled policy, or says of each rule why it is refused; if it is killed by one of its
limits, the rule that it was at is the reason.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from typing import Final

from .compiled_policy import CompiledPolicy
from .errors import PolicyError
from .policy import Policy

RULE_CPU_S: Final = 2
"""Processor time in which one rule has to be compiled and tried."""
WHOLE_CPU_S: Final = 10
"""The same of all rules together."""
MEMORY_BYTES: Final = 1 << 30
"""Address space of the process."""
_WALL_S: Final = 60.0
"""For a machine so busy that the processor time does not come."""
_one_at_a_time = threading.Lock()


def admit(policy: Policy) -> CompiledPolicy:
    """The compiled policy. Raises PolicyError with the rules that are too costly, and why.

    Takes from 0.2 s to some seconds where the policy has rules of its own; calls of one process take turns.
    """
    if not (policy.custom or policy.deny.values or policy.deny.patterns or policy.allow.patterns):
        return CompiledPolicy.compile(policy)
    # Neither the arguments nor the environment say anything of the policy, or of the caller.
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PATH": os.environ.get("PATH", "")}
    try:
        with _one_at_a_time:
            tried = subprocess.run(
                [sys.executable, "-m", f"{__package__}.trial"],
                input=json.dumps(policy.to_json()).encode(),
                env=environment,
                capture_output=True,
                timeout=_WALL_S,
            )
    except subprocess.TimeoutExpired as expired:
        raise _exhausted(expired.stderr) from None
    if tried.returncode == 0:
        return CompiledPolicy.load(tried.stdout)
    if tried.returncode == 1 and tried.stdout:
        raise PolicyError([(path, problem) for path, problem in json.loads(tried.stdout)])
    raise _exhausted(tried.stderr)


def _exhausted(log: bytes | None) -> PolicyError:
    """Of the rule whose path the process wrote last."""
    paths = [line for line in (log or b"").decode("utf-8", "replace").splitlines() if line.startswith("> ")]
    path = paths[-1].removeprefix("> ") if paths else "policy"
    problem = (
        f"takes more than {RULE_CPU_S} s or {MEMORY_BYTES >> 20} MB to compile and try; make it simpler or shorter"
    )
    return PolicyError(((path, problem),))
