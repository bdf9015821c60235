"""The project's Dockerfile, read and carried out without a container engine.

The paths that the first stage works in are moved below one directory. What only an engine can do (the base image, the
user, the final copy) is not carried out.
"""

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Instruction:
    """One instruction: its word, such as `RUN`, and the text after it."""

    word: str
    text: str

    def words(self) -> list[str]:
        """The text in its JSON form, or split as a shell does."""
        return list(json.loads(self.text)) if self.text.startswith("[") else shlex.split(self.text)


@dataclass(frozen=True)
class Stage:
    """A FROM and the instructions after it."""

    instructions: tuple[Instruction, ...]

    def all(self, word: str) -> list[Instruction]:
        """The instructions with this word, in their order."""
        return [one for one in self.instructions if one.word == word]

    def one(self, word: str) -> Instruction:
        """The only instruction with this word."""
        [found] = self.all(word)
        return found


def read_stages(path: Path = PROJECT / "Dockerfile") -> list[Stage]:
    """The stages of a Dockerfile. What stands above the first FROM belongs to none of them."""
    text = re.sub(r"^\s*#.*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    stages: list[list[Instruction]] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        word, rest = line.split(maxsplit=1)
        if word == "FROM":
            stages.append([])
        if stages:
            stages[-1].append(Instruction(word, rest.strip()))
    return [Stage(tuple(stage)) for stage in stages]


def ignored(source: str) -> bool:
    """Whether .dockerignore keeps a file or directory of the project's root out of the build."""
    verdict = False
    for line in (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.strip().removeprefix("!")
        if pattern and not line.startswith("#") and fnmatch.fnmatch(source, pattern):
            verdict = not line.startswith("!")
    return verdict


@dataclass(frozen=True)
class Build:
    """A directory that stands for the root of the image that is being built."""

    root: Path

    def run(self, stage: Stage) -> None:
        """Carry out COPY and RUN of a stage, with its ARG and ENV. A command that fails raises."""
        defaults = dict(one.text.split("=", 1) for one in stage.all("ARG"))
        env = dict(assignment.split("=", 1) for one in stage.all("ENV") for assignment in one.words())
        bin_directory = str(Path(sys.executable).parent)
        path = f"{bin_directory}{os.pathsep}{os.environ['PATH']}"
        workdir = self.at(stage.one("WORKDIR").text)
        workdir.mkdir(parents=True)
        for one in stage.instructions:
            if one.word == "COPY":
                self._copy(one.words(), workdir)
            elif one.word == "RUN":
                subprocess.run(
                    ["sh", "-ec", self._moved(one.text)],
                    cwd=workdir,
                    env={**os.environ, **defaults, **env, "PATH": path},
                    check=True,
                    capture_output=True,
                    text=True,
                    timeout=300,
                )

    def at(self, path: str) -> Path:
        """Where a path of the image is on this machine."""
        return self.root / path.lstrip("/")

    def _moved(self, command: str) -> str:
        return re.sub(r"(?<=\s)/opt/", f"{self.root}/opt/", command)

    def _copy(self, words: list[str], workdir: Path) -> None:
        *sources, target = words
        for source in sources:
            assert not ignored(source), f".dockerignore leaves out {source}"
            if (PROJECT / source).is_dir():
                no_caches = shutil.ignore_patterns("__pycache__", "*.pyc")
                shutil.copytree(PROJECT / source, workdir / target, ignore=no_caches)
            else:
                shutil.copy(PROJECT / source, workdir / target)
