"""deploy/compose.yaml as data: its services, with their environment and command."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from identity_assets_tests.deploy.dockerfile import PROJECT

COMPOSE = PROJECT / "deploy" / "compose.yaml"


@dataclass(frozen=True)
class Service:
    """A service of the file."""

    name: str
    spec: Mapping[str, Any]

    @property
    def command(self) -> list[str]:
        """The arguments of the image's entry point."""
        return list(self.spec["command"])

    @property
    def is_ours(self) -> bool:
        """Whether the service runs the image of this project."""
        return "build" in self.spec

    def environment(self, values: Mapping[str, str]) -> dict[str, str]:
        """The environment of its container, where compose is given `values`.

        Raises:
            KeyError: a variable that the file demands is not among them.
        """

        def filled(found: re.Match[str]) -> str:
            name, mark, default = found["name"], found["mark"], found["default"]
            return values[name] if mark == ":?" else values.get(name) or default

        pattern = r"\$\{(?P<name>\w+)(?P<mark>:[-?])(?P<default>[^}]*)\}"
        return {name: re.sub(pattern, filled, text) for name, text in self.spec["environment"].items()}


@cache
def services() -> dict[str, Service]:
    """All services by their name."""
    loaded = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return {name: Service(name, spec) for name, spec in loaded["services"].items()}
