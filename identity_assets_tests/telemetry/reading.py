"""Helpers that read what was logged and received."""

import json
from typing import Any

from identity_assets_tests.telemetry.conftest import API_KEY, PASSWORD
from identity_assets_tests.telemetry.receiver import KEY, Receiver


def log_lines(stderr: str) -> list[dict[str, Any]]:
    """Every line of it, each a JSON object."""
    return [json.loads(line) for line in stderr.splitlines()]


def run_ids(lines: list[dict[str, Any]]) -> set[str]:
    """The runs that the lines are about."""
    return {line["run_id"] for line in lines} - {""}


COUNTERS = (
    *("source_rows_skipped_null_confidence", "lml_total_calls", "lml_total_latency_ms"),
    *("track_rows_written", "track_rows_unchanged", "track_rows_librarian", "track_rows_no_credit"),
    *("track_rows_no_catalogue_artist", "track_rows_ambiguous_artist", "track_rows_invalid"),
    *("positions_written", "positions_ambiguous"),
)


def data_of(transaction: dict[str, Any]) -> dict[str, Any]:
    """The attributes of the root span."""
    return dict(transaction["contexts"]["trace"]["data"])


def figures_of(report: dict[str, Any]) -> dict[str, Any]:
    """The object of `run --json` under the names of the root span."""
    return {
        "consumer.scope": report["scope"],
        "consumer.scanned": report["scanned"],
        "consumer.rows_resolved": report["resolved"],
        "consumer.rows_resolved_compilation": report["resolved_compilation"],
        "consumer.rows_unresolved": report["unresolved"],
        **{f"consumer.rows_skipped.{reason}": rows for reason, rows in report["skipped"].items()},
        **{f"consumer.{name}": report[name] for name in COUNTERS},
    }


def secrets_in(receiver: Receiver, *texts: str) -> list[str]:
    """The secrets that are in the envelopes or in the printed texts."""
    everything = b"\n".join([*receiver.bodies, *(text.encode() for text in texts)])
    return [secret for secret in (PASSWORD, API_KEY, KEY) if secret.encode() in everything]
