"""Which module may import which, read from the source with `ast`: arrows point down only."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "identity_assets"
ROOT = Path(__file__).parents[2] / PACKAGE

# From the bottom up. A room may import itself and every room below its line, but no other room of its line.
LAYERS = (
    ("errors", "clean_text"),
    ("settings",),
    ("settings_help",),
    ("partition_keys", "evidence", "postgres", "pooler", "progress", "wording", "ask_again"),
    ("lml", "legs", "alerting"),
    ("backend",),
    ("gathering",),
    ("telemetry",),
    ("resources", "partitions", "freshness", "run_queue"),
    ("environment_resources", "code_links", "figures", "gate_trend", "launch_choices"),
    ("assets", "checks"),
    ("jobs",),
    ("schedules", "sensors"),
    ("definitions",),
    ("code_location",),
    ("demo", "terminal"),
)
# Rooms of one line that may import each other: `terminal` runs the demo, whose report prints what a run came to.
NEIGHBOURS = {("terminal", "demo"), ("demo", "terminal")}
WITHOUT_DAGSTER = {room for layer in LAYERS[: LAYERS.index(("gathering",)) + 1] for room in layer}


def files() -> Iterator[tuple[str, Path]]:
    """Each module as its room and its file; `__init__` and `__main__` of the package belong to no room."""
    for path in sorted(ROOT.rglob("*.py")):
        first = path.relative_to(ROOT).parts[0].removesuffix(".py")
        if not first.startswith("__"):
            yield first, path


def imports_of(path: Path) -> Iterator[str]:
    """The dotted names that a module imports, wherever the import stands in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_imported(path: Path) -> set[str]:
    names = (name.split(".") for name in imports_of(path))
    return {parts[1] for parts in names if parts[0] == PACKAGE and len(parts) > 1} - {"__version__"}


def test_every_module_has_its_place_in_the_layers() -> None:
    placed = [room for layer in LAYERS for room in layer]
    assert len(placed) == len(set(placed))
    assert set(placed) == {room for room, _ in files()}


@pytest.mark.promise("layers")
def test_arrows_point_down_only() -> None:
    height = {room: number for number, layer in enumerate(LAYERS) for room in layer}
    upward = [
        f"{path.relative_to(ROOT)} imports {imported}"
        for room, path in files()
        for imported in sorted(rooms_imported(path) - {room})
        if height[imported] >= height[room] and (room, imported) not in NEIGHBOURS
    ]
    assert upward == []


@pytest.mark.parametrize("one", ["backend", "legs"])
def test_backend_and_legs_do_not_import_each_other(one: str) -> None:
    other = {"backend": "legs", "legs": "backend"}[one]
    both = [str(path.relative_to(ROOT)) for room, path in files() if room == one]
    assert both
    assert [name for name in both if other in rooms_imported(ROOT / name)] == []


@pytest.mark.promise("layers")
def test_what_lies_below_the_graph_never_imports_dagster() -> None:
    found = [
        f"{path.relative_to(ROOT)} imports {name}"
        for room, path in files()
        if room in WITHOUT_DAGSTER
        for name in imports_of(path)
        if name.split(".")[0].startswith("dagster")
    ]
    assert found == []
