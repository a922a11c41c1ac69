"""Moves canaries that go on by themselves, every second, by what the engine has seen of them. Their state is a row."""

from __future__ import annotations

import time
from functools import partial

from celery import shared_task

from audit import log as entries
from audit.actions import Action
from bailiwick import models
from bailiwick.embedded.home import Home
from bailiwick.models import ModelError
from bailiwick.operator import change_served, mend, told
from cell.access import system_actor
from cell.config import config
from cell.telemetry import get_logger
from inference.engine.deployment import Deployment, DeploymentError
from inference.engine.stats import TrialStats
from inference.gateway import rollout
from inference.gateway.deployments import deployment_list
from inference.gateway.staging import Decision, decide

AUTH = "rollout"

log = get_logger(__name__)


@shared_task(name="bailiwick.rollouts.watch")
def watch() -> None:
    """Takes back what did not keep its guards, and moves on what has. What fails now is tried again in a second."""
    served = [info.deployment for info in deployment_list()]
    for name in mend(_home(), served):
        log.warning("rollout.file.mended", model=name)
    going = [deployment for deployment in served if deployment.stages is not None]
    if not going:
        return
    try:
        trials = {trial.model: trial for trial in models.trials(config().engine_socket)}
    except ModelError as error:
        log.warning("rollout.engine.away", count=len(going), reason=str(error))
        return
    for deployment in going:
        trial = trials.get(deployment.name)
        if trial is None or deployment.stages is None or trial.artifact != deployment.versions[1].identity:
            continue
        decision = decide(deployment.stages, trial, time.time())
        if decision is not None:
            _take(deployment, trial, decision)


class _Overtaken(DeploymentError):
    """Somebody else has changed the deployment meanwhile."""


def _take(deployment: Deployment, trial: TrialStats, decision: Decision) -> None:
    def change(before: Deployment | None) -> Deployment:
        if before is None or (before.stages, before.versions) != (deployment.stages, deployment.versions):
            raise _Overtaken(deployment.name)
        if decision.step == "back":
            return rollout.rolled_back(before)
        return rollout.advanced(before, now=time.time(), compared=trial.compared, answered=trial.answered)

    name = deployment.name
    try:
        with told():
            if decision.step == "back":
                also = partial(_tell, deployment, trial, decision.guard)
                change_served(_home(), name, change, auth=AUTH, cause=f"guard-{decision.guard}", also=also)
            else:
                change_served(_home(), name, change, auth=AUTH, cause="stage-held")
    except ModelError as error:
        if not isinstance(error.__cause__, _Overtaken):
            log.warning("rollout.step.failed", model=name, state=decision.step, reason=str(error))
    else:
        log.info("rollout.step", model=name, state=decision.step, reason=decision.guard)


def _tell(deployment: Deployment, trial: TrialStats, guard: str) -> None:
    """That a guard has tripped: an entry of its own, in the transaction that takes the canary back."""
    found, stages = trial.guards[guard], deployment.stages
    entries.record(
        actor=system_actor(AUTH),
        action=Action.MODEL_GUARDED,
        targets=[deployment.name],
        after={
            "model": deployment.name,
            "artifact": trial.artifact,
            "guard": guard,
            "stage": 0 if stages is None else stages.stage,
            "seen": found.seen,
            "bad": found.bad,
        },
    )


def _home() -> Home:
    return Home.at(config().home)
