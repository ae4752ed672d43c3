"""Runs the installed command, and reads what it said."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.support.client import DEFINITION, Resource


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """What it printed with ``--json``: one object and nothing else."""
        body = json.loads(self.out)
        assert isinstance(body, dict)
        return body

    @property
    def last_line(self) -> str:
        """The last line of stderr."""
        return self.err.strip().splitlines()[-1]


@dataclass(frozen=True, slots=True)
class Command:
    """The installed command, with the environment that it runs in."""

    program: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def using(self, **variables: str | None) -> "Command":
        """The same with other environment variables; ``None`` removes one."""
        merged = {name: value for name, value in {**self.environment, **variables}.items() if value is not None}
        return replace(self, environment=merged)

    def at(self, url: str) -> "Command":
        """The same for a resource and a review instance of a service that nobody has used."""
        new = {name: str(uuid4()) for name in ("ACCUP_CATALOG", "ACCUP_RESOURCE", "ACCUP_REVIEW")}
        return self.using(ACCUP_URL=url, ACCUP_DEFINITION=DEFINITION, **new)

    def on(self, resource: Resource, review: str | None = None) -> "Command":
        """The same for a resource and a review instance, which is a new one if none is given."""
        at = self.at(str(resource.http.base_url))
        at = at.using(ACCUP_CATALOG=resource.catalog_id, ACCUP_RESOURCE=resource.resource_id)
        return at.using(ACCUP_REVIEW=review) if review else at

    @property
    def full_environment(self) -> dict[str, str]:
        """What the process gets: ours without its settings and those of Python, and what was given."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ACCUP_", "PYTHON"))}
        return kept | dict(self.environment)

    def start(self, *arguments: str | Path, cwd: Path | None = None) -> subprocess.Popen[str]:
        """Start it, with pipes."""
        return subprocess.Popen(
            [self.program, *map(str, arguments)],
            cwd=cwd,
            env=self.full_environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments: str | Path, cwd: Path | None = None, seconds: float = 120) -> Ran:
        """Run it to its end."""
        process = self.start(*arguments, cwd=cwd)
        out, err = process.communicate(timeout=seconds)
        return Ran(process.returncode, out, err)


def folder_of(path: Path, **files: bytes) -> Path:
    """A folder with files, whose names get ``.csv``."""
    path.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (path / f"{name}.csv").write_bytes(content)
    return path
