"""The whole graph on one screen. Importing this module builds nothing but definitions.

library ─▶ candidate_libraries ─▶ lml_verdicts ─▶ library_identity_source, library_identity, library_unresolved,
                                                  compilation_track_identity
The blocking check answers_plausible stands between lml_verdicts and the four tables.

station_report shows the state of all this on one page.

Two older legs feed the same writer if IDENTITY_LEGS names them; a leg that is off gathers nothing:
library ─▶ canonical_entity_evidence (S1); library, flowsheet_match ─▶ flowsheet_match_evidence (S3)
"""

from collections.abc import Mapping, Sequence

import dagster as dg

from identity_assets.assets.candidate_libraries import candidate_libraries
from identity_assets.assets.canonical_entity_evidence import canonical_entity_evidence
from identity_assets.assets.flowsheet_match_evidence import flowsheet_match, flowsheet_match_evidence
from identity_assets.assets.leg_evidence import described
from identity_assets.assets.library import library
from identity_assets.assets.library_identity import identity_tables_with
from identity_assets.assets.lml_verdicts import lml_verdicts
from identity_assets.assets.station_report import station_report
from identity_assets.checks.accounts import accounts_balance
from identity_assets.checks.evaluation import checks_in_one_step
from identity_assets.checks.gate import truly_unresolved_rows
from identity_assets.checks.integrity import integrity_checks
from identity_assets.checks.legs import leg_conflicts, leg_matches
from identity_assets.checks.plausibility import answers_plausible
from identity_assets.checks.set_aside import rows_set_aside
from identity_assets.checks.staleness import stale_rows
from identity_assets.checks.tracks import track_links_hold
from identity_assets.code_links import with_code_links
from identity_assets.environment_resources import environment_resources
from identity_assets.jobs.dry_run import dry_run
from identity_assets.jobs.event_log_retention import event_log_retention
from identity_assets.jobs.gate_report import gate_report
from identity_assets.jobs.held_answers import held_answers
from identity_assets.jobs.refresh import refresh_library_identity
from identity_assets.jobs.refresh_evidence import refresh_evidence
from identity_assets.schedules import (
    daily_gate_report,
    nightly_evidence,
    nightly_refresh,
    weekly_event_log_retention,
)
from identity_assets.sensors import alert_on_change
from identity_assets.settings import Leg, settings
from identity_assets.telemetry.failures import report_failures_of

EVIDENCE = {Leg.S1: canonical_entity_evidence, Leg.S3: flowsheet_match_evidence}
# Those that take longest come first, because two are evaluated at a time.
CHECKS = (
    truly_unresolved_rows,
    stale_rows,
    accounts_balance,
    rows_set_aside,
    *integrity_checks,
    track_links_hold,
    leg_matches,
)


def build_defs(
    *, resources: Mapping[str, object] | None = None, legs: Sequence[Leg] | None = None
) -> dg.Definitions:
    """The graph with the given resources and legs. The default for both comes from the environment."""
    legs = settings().identity_legs if legs is None else legs
    evidence = [described(asset, leg, on=leg in legs) for leg, asset in EVIDENCE.items()]
    tables = identity_tables_with(evidence, legs)
    assets = report_failures_of([candidate_libraries, lml_verdicts, *evidence, tables, station_report])
    checks = [answers_plausible, checks_in_one_step([*CHECKS, *([leg_conflicts] if legs else ())])]
    return dg.Definitions(
        assets=[library, flowsheet_match, *with_code_links(assets, settings().code_link_base)],
        asset_checks=report_failures_of(checks),
        jobs=[
            *(refresh_library_identity, gate_report, dry_run, held_answers, event_log_retention),
            *([refresh_evidence] if legs else ()),
        ],
        schedules=[
            *(nightly_refresh, daily_gate_report, weekly_event_log_retention),
            *([nightly_evidence] if legs else ()),
        ],
        sensors=[alert_on_change],
        resources=resources or environment_resources(),
        executor=dg.in_process_executor,
    )
