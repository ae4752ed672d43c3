"""Fetches and caches the keys that sign the tokens of a tenant.

A request waits for a fetch only if no cached key can check its token. Microsoft recommends to fetch daily, and at once
for an unknown key, because keys can change at any time ("Access tokens in the Microsoft identity platform").
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from typing import Any
from urllib.request import getproxies_environment

import aiohttp
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK, PyJWTError

# A withdrawn key is trusted for at most this long. A new key is found at once, by its unknown id.
REFRESH_SECONDS = 3600
# How long keys are trusted when they cannot be refreshed. An attacker could otherwise block refreshes for ever.
KEEP_SECONDS = 24 * 3600
# Unknown key ids cause at most one fetch in this time.
UNKNOWN_KEY_PAUSE_SECONDS = 60
# Unknown key ids that are remembered until the next fetch. A token limits the length of each.
MAX_UNKNOWN_KEYS = 100
# An endpoint that is not available is tried at most once in this time.
FAILURE_PAUSE_SECONDS = 5

_TIMEOUT = aiohttp.ClientTimeout(total=5)
# The document of Entra has approximately 20 kB.
_MAX_BYTES = 1024 * 1024
_MIN_BITS = 2048
_NEVER = float("-inf")

_log = logging.getLogger("uploads.auth")


class KeysUnavailableError(Exception):
    """A token cannot be checked now: it is not known whether its key exists. ``retry_after`` is in seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__()
        self.retry_after = retry_after


class SigningKeys:
    """The keys at one URL, by id. At most one fetch is in progress; all requests that need it wait for the same one."""

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._keys: dict[str, RSAPublicKey] = {}
        self._fetching: asyncio.Task[None] | None = None
        self._fetched = _NEVER
        self._failed = _NEVER
        self._failing = False
        self._searched = _NEVER
        # Ids that were asked for since the last fetch, and those that it was asked for and did not have.
        self._asked: set[str] = set()
        self._absent: frozenset[str] = frozenset()

    async def get(self, key_id: str) -> RSAPublicKey | None:
        """The key with this id; ``None`` if it was looked for, and there is none.

        Raises:
            KeysUnavailableError: the keys cannot be fetched now.
        """
        age = self._clock() - self._fetched
        if age > KEEP_SECONDS:
            self._keys = {}
        if key_id not in self._keys:
            return await self._search(key_id)
        if age > REFRESH_SECONDS and self._may_fetch():
            self._start_fetch()
        return self._keys[key_id]

    async def _search(self, key_id: str) -> RSAPublicKey | None:
        """Fetch the keys for an id that is not known, unless such a fetch was made a moment ago.

        Until the next one the id may be that of a new key, so that its token cannot be called invalid.

        Raises:
            KeysUnavailableError: the keys cannot be fetched now.
        """
        if len(self._asked) == MAX_UNKNOWN_KEYS:
            self._asked.pop()
        self._asked.add(key_id)
        pause = self._searched + UNKNOWN_KEY_PAUSE_SECONDS - self._clock()
        if self._keys and pause > 0 and not self._fetching:
            if key_id in self._absent:
                return None
            raise KeysUnavailableError(pause)
        if self._keys:
            self._searched = self._clock()
        await self._fetch_now()
        if self._failing:
            self._searched = _NEVER
            raise KeysUnavailableError(FAILURE_PAUSE_SECONDS)
        return self._keys.get(key_id)

    def _may_fetch(self) -> bool:
        return not self._failing or self._clock() - self._failed > FAILURE_PAUSE_SECONDS

    async def _fetch_now(self) -> None:
        """Wait for the fetch in progress, or start one unless the last one failed a moment ago."""
        if self._fetching or self._may_fetch():
            # A request that is cancelled must not cancel the fetch that other requests wait for.
            await asyncio.shield(self._start_fetch())

    def _start_fetch(self) -> asyncio.Task[None]:
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch())
        return self._fetching

    async def _fetch(self) -> None:
        try:
            keys = _parse(await _download(self._url))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, RecursionError) as error:
            self._failed, self._failing = self._clock(), True
            _log.warning(
                "the signing keys could not be fetched from %s (%s); %d known ones stay in use",
                self._url,
                type(error).__name__,
                len(self._keys),
            )
        else:
            self._keys = keys
            self._absent = frozenset(self._asked - keys.keys())
            self._asked.clear()
            self._fetched, self._failing = self._clock(), False
        finally:
            self._fetching = None


async def _download(url: str) -> bytes:
    proxies = bool(getproxies_environment())
    async with (
        aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=proxies, raise_for_status=True) as http,
        http.get(url, allow_redirects=False) as answer,
    ):
        document = bytearray()
        async for piece in answer.content.iter_any():
            document += piece
            if len(document) > _MAX_BYTES:
                raise ValueError("the document is too large")
        return bytes(document)


def _parse(document: bytes) -> dict[str, RSAPublicKey]:
    """The RSA signing keys of a JWK Set (RFC 7517). Other keys are ignored.

    Raises:
        ValueError: the document is not a JWK Set, or has no RSA signing key.
    """
    content = json.loads(document)
    listed = content.get("keys") if isinstance(content, dict) else None
    keys = {}
    for jwk in listed if isinstance(listed, list) else []:
        key = _signing_key(jwk) if isinstance(jwk, dict) else None
        if key is not None:
            keys[str(jwk["kid"])] = key
    if not keys:
        raise ValueError("the document has no RSA signing key")
    return keys


def _signing_key(jwk: dict[str, Any]) -> RSAPublicKey | None:
    if jwk.get("kty") != "RSA" or jwk.get("use", "sig") != "sig" or "kid" not in jwk:
        return None
    try:
        key = PyJWK(jwk, algorithm="RS256").key
    except (PyJWTError, ValueError):
        return None
    return key if isinstance(key, RSAPublicKey) and key.key_size >= _MIN_BITS else None
