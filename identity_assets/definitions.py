"""The whole graph on one screen.

library ─▶ candidate_libraries ─▶ lml_verdicts ─▶ library_identity_source, library_identity, library_unresolved

Where IDENTITY_LEGS names them, the older legs feed the same writer:
library ─▶ canonical_entity_evidence (S1); library, flowsheet_match ─▶ flowsheet_match_evidence (S3)
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import dagster as dg

from identity_assets.assets.candidate_libraries import candidate_libraries
from identity_assets.assets.canonical_entity_evidence import canonical_entity_evidence
from identity_assets.assets.flowsheet_match_evidence import flowsheet_match, flowsheet_match_evidence
from identity_assets.assets.library import library
from identity_assets.assets.library_identity import identity_tables_with
from identity_assets.assets.lml_verdicts import lml_verdicts
from identity_assets.checks.accounts import accounts_checks
from identity_assets.checks.gate import gate_checks
from identity_assets.checks.integrity import integrity_checks
from identity_assets.checks.legs import leg_checks
from identity_assets.checks.staleness import staleness_checks
from identity_assets.jobs.dry_run import dry_run
from identity_assets.jobs.gate_report import gate_report
from identity_assets.jobs.refresh import refresh_library_identity
from identity_assets.resources import make_resources
from identity_assets.schedules import daily_gate_report, nightly_refresh
from identity_assets.settings import Leg, settings
from identity_assets.telemetry.run_trace import reporting

EVIDENCE = {Leg.S1: canonical_entity_evidence, Leg.S3: flowsheet_match_evidence}


def build_defs(
    *, resources: Mapping[str, object] | None = None, legs: Sequence[Leg] | None = None
) -> dg.Definitions:
    """The graph over the given resources and legs; where there are none, those that the environment names."""
    on = settings().identity_legs if legs is None else legs
    evidence = {leg: EVIDENCE[leg] for leg in on}
    return dg.Definitions(
        assets=dg.with_source_code_references(
            [
                *(library, *([flowsheet_match] if Leg.S3 in on else ())),
                *reporting([candidate_libraries, lml_verdicts, *evidence.values()]),
                *reporting([identity_tables_with(evidence)]),
            ]
        ),
        asset_checks=reporting(
            [
                *(*gate_checks, *accounts_checks, *integrity_checks, *staleness_checks),
                *(leg_checks if on else ()),
            ]
        ),
        jobs=[refresh_library_identity, gate_report, dry_run],
        schedules=[nightly_refresh, daily_gate_report],
        resources=resources or make_resources(replace(settings(), identity_legs=tuple(on))),
        executor=dg.in_process_executor,
    )
