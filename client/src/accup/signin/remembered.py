"""What ``accup login`` has settled, for each service: its audience, and who signed in. No token is in this file."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from accup.api.targets import Target
from accup.errors import UsageError


@dataclass(frozen=True, slots=True)
class Remembered:
    """One sign-in. ``account`` is the id that Microsoft Entra gives a person's account, ``user`` their name."""

    scope: str
    kind: str
    tenant: str | None = None
    authority: str | None = None
    client_id: str | None = None
    account: str | None = None
    user: str | None = None

    @classmethod
    def from_json(cls, body: Any) -> "Remembered":
        """One from the file. It raises ``TypeError`` or ``AttributeError`` for another shape."""
        if not all(isinstance(value, str | None) for value in body.values()):
            raise TypeError
        return cls(**body)


class SignIns:
    """The file of all sign-ins, in the folder of the settings."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "sign-ins.json"

    def of(self, target: Target) -> Remembered | None:
        """The sign-in for a service."""
        return self.all().get(target.address)

    def all(self) -> Mapping[str, Remembered]:
        """All of them, by the address of their service.

        Raises:
            UsageError: the file is damaged.
        """
        try:
            found = json.loads(self._path.read_text("utf-8"))
            return {address: Remembered.from_json(body) for address, body in found.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError):
            raise UsageError(
                f"The file {self._path} of 'accup login' cannot be read. Remove it, and sign in again."
            ) from None

    def keep(self, target: Target, remembered: Remembered) -> None:
        """Keep a sign-in in place of the service's last one."""
        self._write({**self.all(), target.address: remembered})

    def forget(self, address: str) -> None:
        """Forget the sign-in for a service."""
        self._write({each: kept for each, kept in self.all().items() if each != address})

    def _write(self, kept: Mapping[str, Remembered]) -> None:
        """Replace the file as a whole, so that it is never half written."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self._path.with_suffix(f".{os.getpid()}")
        new.write_text(json.dumps({address: asdict(each) for address, each in kept.items()}, indent=2), "utf-8")
        new.replace(self._path)
