"""The one argument of every service."""

from dataclasses import dataclass

from shared.core.settings import Settings, settings
from shared.domain.audit import SERVICE, Actor
from shared.storage.account import Storage, storage


@dataclass(frozen=True, slots=True)
class Context:
    """Where things are stored, the settings that apply, and on whose behalf something is done."""

    storage: Storage
    settings: Settings
    actor: Actor = SERVICE

    @classmethod
    def of(cls, actor: Actor = SERVICE) -> "Context":
        """The context of this process: the settings of the environment, and the account that they name."""
        return cls(storage(), settings(), actor)
