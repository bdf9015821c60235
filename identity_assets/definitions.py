"""The whole graph on one screen.

library ─▶ candidate_libraries ─▶ lml_verdicts ─▶ library_identity_source, library_identity, library_unresolved
"""

from collections.abc import Mapping

import dagster as dg

from identity_assets.assets.candidate_libraries import candidate_libraries
from identity_assets.assets.library import library
from identity_assets.assets.library_identity import identity_tables
from identity_assets.assets.lml_verdicts import lml_verdicts
from identity_assets.checks.accounts import accounts_checks
from identity_assets.checks.gate import gate_checks
from identity_assets.checks.integrity import integrity_checks
from identity_assets.checks.staleness import staleness_checks
from identity_assets.dagster_logs import start_dagster_logs
from identity_assets.jobs import gate_report, refresh_library_identity
from identity_assets.logs import form_for, start_logs
from identity_assets.observability import reporting
from identity_assets.resources import make_resources
from identity_assets.schedules import daily_gate_report, nightly_refresh
from identity_assets.sentry import start_sentry
from identity_assets.settings import settings

# Before any run: whoever loads this module runs the graph.
start_logs(form_for(settings().log_format))
start_dagster_logs(form_for(settings().log_format))
start_sentry(settings())


def build_defs(*, resources: Mapping[str, object] | None = None) -> dg.Definitions:
    """The graph over the given resources; where there are none, those that the environment names."""
    return dg.Definitions(
        assets=dg.with_source_code_references(
            [library, *reporting([candidate_libraries, lml_verdicts, identity_tables])]
        ),
        asset_checks=reporting([*gate_checks, *accounts_checks, *integrity_checks, *staleness_checks]),
        jobs=[refresh_library_identity, gate_report],
        schedules=[nightly_refresh, daily_gate_report],
        resources=resources or make_resources(settings()),
        executor=dg.in_process_executor,
    )


defs = build_defs()
