"""The private names of Dagster: this version has all of them, and only one module of the package uses them."""

import ast
import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

import identity_assets
from identity_assets.demo.postgres import EmbeddedPostgres
from identity_assets.demo.station import write_dagster_home

PACKAGE = Path(identity_assets.__file__).parent
INTERNALS = PACKAGE / "telemetry" / "dagster_internals.py"
# Public methods of named tuples and of SQLAlchemy's rows, despite their underscore.
NOT_DAGSTER = {"_asdict", "_fields", "_make", "_mapping", "_replace"}


def private_imports(path: Path) -> Iterator[tuple[str, str]]:
    """The modules and names that a file imports from the private parts of Dagster."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            modules = [node.module]
        for module in modules:
            first, *rest = module.split(".")
            if first == "dagster_shared" or (
                first.startswith("dagster") and any(p.startswith("_") for p in rest)
            ):
                names = [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else [""]
                yield from ((module, name) for name in names)


def private_attributes(path: Path) -> set[str]:
    """The attributes with an underscore that a file reads from, or sets on, an object other than its own `self`."""
    return {
        node.attr
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and not (isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"})
    }


@pytest.mark.parametrize(("module", "name"), [*private_imports(INTERNALS)])
def test_this_dagster_has_the_private_name(module: str, name: str) -> None:
    assert hasattr(importlib.import_module(module), name), f"Dagster {dg.__version__} lacks {module}.{name}"


@dg.asset
def fails() -> None:
    """A failing asset, for which Dagster calls failure hooks."""
    raise ZeroDivisionError


def hook_context(instance: dg.DagsterInstance) -> dg.HookContext:
    """The context that Dagster passes to a hook."""
    contexts: list[dg.HookContext] = []

    @dg.failure_hook
    def keep(context: dg.HookContext) -> None:
        contexts.append(context)

    job = dg.define_asset_job("job", selection="*", hooks={keep})
    definitions = dg.Definitions(assets=[fails], jobs=[job])
    definitions.resolve_job_def("job").execute_in_process(instance=instance, raise_on_error=False)
    [context] = contexts
    return context


def test_this_dagster_has_the_private_attributes(instance: dg.DagsterInstance) -> None:
    owners: dict[str, object] = {
        "_logger_fn": dg.colored_console_logger,
        "_hook_defs": fails,
        "_step_execution_context": hook_context(instance),
    }
    assert private_attributes(INTERNALS) == owners.keys()
    lacking = [f"{type(owner).__name__}.{name}" for name, owner in owners.items() if not hasattr(owner, name)]
    assert lacking == [], f"Dagster {dg.__version__} lacks {lacking}"


def test_no_other_module_imports_a_private_module_of_dagster_or_reads_a_private_attribute() -> None:
    others = [path for path in sorted(PACKAGE.rglob("*.py")) if path != INTERNALS]
    assert {str(path): list(private_imports(path)) for path in others if list(private_imports(path))} == {}
    with_dagster = [path for path in others if "dagster" in path.read_text(encoding="utf-8")]
    attributes = {str(path): private_attributes(path) - NOT_DAGSTER for path in with_dagster}
    assert {path: found for path, found in attributes.items() if found} == {}


def test_a_run_opens_a_few_connections_to_dagsters_storage_and_not_one_for_each_statement(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    from identity_assets.telemetry.run_trace import run_trace  # noqa: PLC0415  # as below

    @dg.asset(required_resource_keys={"trace"})
    def made() -> dg.MaterializeResult[None]:
        return dg.MaterializeResult()

    postgres.create_database("dagster_storage", fresh=True)
    write_dagster_home(tmp_path, postgres.url("dagster_storage"))
    opened: list[object] = []

    def record(connection: object, _entry: object) -> None:
        opened.append(connection)

    event.listen(Pool, "connect", record)
    try:
        with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
            # Before its first step, a run is recorded on connections that are not held yet.
            assert dg.materialize([made], instance=instance, resources={"trace": run_trace}).success
            opened.clear()
            assert dg.materialize([made], instance=instance, resources={"trace": run_trace}).success
    finally:
        event.remove(Pool, "connect", record)
    assert len(opened) <= 3


@dg.asset(
    partitions_def=dg.StaticPartitionsDefinition(["a", "b", "c"]),
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def three_partitions() -> dg.MaterializeResult[None]:
    """An asset whose partitions one step materialises."""
    return dg.MaterializeResult()


ALL_THREE = {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "c"}


@pytest.fixture
def events_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    # Not at the top: if this import fails, the tests above must still run and name what is missing.
    from identity_assets.telemetry.dagster_internals import (  # noqa: PLC0415
        EVENT_BATCH_SIZE,
        store_events_in_batches,
    )

    # Set first, so that monkeypatch restores the old value.
    monkeypatch.setenv(EVENT_BATCH_SIZE, "0")
    monkeypatch.delenv(EVENT_BATCH_SIZE)
    store_events_in_batches()


@pytest.mark.usefixtures("events_in_batches")
def test_dagster_stores_the_materialisations_of_all_partitions_together(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[tuple[set[str], set[str | None]]] = []
    storage: Any = instance.event_log_storage
    store_event_batch = storage.store_event_batch

    def record(events: Sequence[dg.EventLogEntry]) -> None:
        known = [event.get_dagster_event() for event in events]
        batches.append(({event.event_type_value for event in known}, {event.partition for event in known}))
        store_event_batch(events)

    monkeypatch.setattr(storage, "store_event_batch", record)
    assert dg.materialize([three_partitions], instance=instance, tags=ALL_THREE).success
    assert ({"ASSET_MATERIALIZATION"}, {"a", "b", "c"}) in batches
    assert instance.get_materialized_partitions(three_partitions.key) == {"a", "b", "c"}


@pytest.mark.usefixtures("events_in_batches")
def test_an_instance_that_ends_with_its_process_stores_the_newest_materialisation_of_an_asset() -> None:
    from identity_assets.telemetry.dagster_internals import short_lived_instance  # noqa: PLC0415  # as above

    with short_lived_instance() as instance:
        result = dg.materialize([three_partitions], instance=instance, tags=ALL_THREE)
        assert {event.partition for event in result.get_asset_materialization_events()} == {"a", "b", "c"}
        assert len(instance.get_materialized_partitions(three_partitions.key)) == 1
