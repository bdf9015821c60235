"""The job `held_answers`: what `identity-assets held` does, from the UI."""

from enum import StrEnum

import dagster as dg
from pydantic import Field

from identity_assets.checks.findings import table
from identity_assets.resources import Backend
from identity_assets.settings import settings
from identity_assets.telemetry.failures import report_to_sentry

COLUMNS = ("run_id", "held_at", "answers", "single_artist", "unresolved", "compilation")


class Action(StrEnum):
    """What to do with held answers."""

    list = "list"
    accept = "accept"
    drop = "drop"


class HeldAnswersConfig(dg.Config):
    """What a person may choose when launching the job."""

    action: Action = Field(
        default=Action.list,
        description="list: only show them. accept: the next run writes them. drop: the next run asks LML again.",
    )
    run_id: str | None = Field(
        default=None,
        description="The run whose answers are meant; its first eight characters are enough. Default: all runs.",
    )


@dg.op(description="Lists, accepts or drops the answers that the check answers_plausible held back.")
def decide_held_answers(
    context: dg.OpExecutionContext, config: HeldAnswersConfig, backend: dg.ResourceParam[Backend]
) -> None:
    """Report the held answers by run, and do what the config says."""
    from identity_assets.backend.ledger.held import decide, read_held
    from identity_assets.backend.revision import require_migrated

    run_id = context.run.run_id
    acts = config.action is not Action.list
    with backend.database_to_write(run_id) if acts else backend.database_to_read(run_id) as database:
        require_migrated(database)
        held = read_held(database, config.run_id)
        decided = decide(database, held, accept=config.action is Action.accept) if acts else 0
    answers = sum(one.answers for one in held)
    context.log.info(f"{answers} held answers of {len(held)} runs; {config.action}: {decided}")
    context.add_output_metadata(
        {
            "held_answers": answers,
            "action": str(config.action),
            "answers_decided": decided,
            "runs": table(COLUMNS, [vars(one) for one in held]),
        }
    )


@dg.job(
    hooks={report_to_sentry} if settings().sentry_dsn is not None else None,
    description=(
        "Accept or drop the answers that the check answers_plausible held back. The next run writes accepted answers "
        "without asking LML, and asks LML again about dropped ones."
    ),
)
def held_answers() -> None:
    """One op. It decides about stored answers and writes no table of the graph, so it is not an asset."""
    decide_held_answers()
