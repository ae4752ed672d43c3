"""Packs the service's validator into the client as ``accup.access_data``: the same source, not a copy."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VALIDATOR = "shared/access_data"


class ValidatorHook(BuildHookInterface[Any]):
    """In a checkout the validator is beside this folder; an sdist carries it inside ``src/accup`` already."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the validator's files to the wheel or the sdist; without them there is none."""
        root = Path(self.root)
        source = root.parent / VALIDATOR
        if source.is_dir():
            inside = "accup/access_data" if self.target_name == "wheel" else "src/accup/access_data"
            for file in sorted(source.rglob("*.py")):
                build_data["force_include"][str(file)] = f"{inside}/{file.relative_to(source).as_posix()}"
        elif not (root / "src" / "accup" / "access_data").is_dir():
            self.app.abort(
                f"The validator is missing: {source} is not there. Build accup in a whole checkout of the repository, "
                "or from its sdist."
            )
