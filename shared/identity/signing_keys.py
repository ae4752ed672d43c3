"""The keys that sign a tenant's tokens, fetched and kept.

A request waits for a fetch only if nothing is there that could check its token. Microsoft: fetch daily, and at once for
an unknown key, since keys may roll at any time ("Access tokens in the Microsoft identity platform").
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

# A key that is withdrawn is trusted at most this long; a new one is found at once, by its unknown id.
REFRESH_SECONDS = 3600
# How long keys are trusted that cannot be refreshed: an outage of a day, and not one that somebody keeps up for ever.
KEEP_SECONDS = 24 * 3600
# Whoever sends unknown key ids makes us fetch once in this time.
UNKNOWN_KEY_PAUSE_SECONDS = 60
# And an endpoint that does not answer is asked once in this time.
FAILURE_PAUSE_SECONDS = 5

_TIMEOUT = aiohttp.ClientTimeout(total=5)
# Entra's document has about 20 kB.
_MAX_BYTES = 1024 * 1024
_MIN_BITS = 2048
_NEVER = float("-inf")

_log = logging.getLogger("uploads.auth")


class KeysUnavailableError(Exception):
    """Whether a token is good cannot be said now: the endpoint of the keys does not answer."""


class SigningKeys:
    """The keys behind one URL, by their ids. One fetch is under way at most; all who need it wait for that one."""

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._keys: dict[str, RSAPublicKey] = {}
        self._fetching: asyncio.Task[None] | None = None
        self._fetched = _NEVER
        self._failed = _NEVER
        self._failing = False
        self._searched = _NEVER

    async def get(self, key_id: str) -> RSAPublicKey | None:
        """The key of that id; ``None`` if there is none.

        Raises:
            KeysUnavailableError: it cannot be said whether there is.
        """
        now = self._clock()
        age = now - self._fetched
        if age > KEEP_SECONDS:
            self._keys = {}
        if not self._keys:
            await self._fetch_now()
            if not self._keys:
                raise KeysUnavailableError
        elif key_id not in self._keys and (self._fetching or now - self._searched > UNKNOWN_KEY_PAUSE_SECONDS):
            self._searched = now
            await self._fetch_now()
            if self._failing:
                # The key may be new, and who would know is away: no reason to call the token bad.
                self._searched = _NEVER
                raise KeysUnavailableError
        elif age > REFRESH_SECONDS and self._may_fetch():
            self._start_fetch()
        return self._keys.get(key_id)

    def _may_fetch(self) -> bool:
        return not self._failing or self._clock() - self._failed > FAILURE_PAUSE_SECONDS

    async def _fetch_now(self) -> None:
        """Wait for the fetch that is under way, or for one of our own unless the last one failed just now."""
        if self._fetching or self._may_fetch():
            # A caller who goes away does not take the fetch of the others along.
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
                raise ValueError("too long")
        return bytes(document)


def _parse(document: bytes) -> dict[str, RSAPublicKey]:
    """The RSA keys of a JWK Set (RFC 7517) that sign; whatever else is in it is passed over.

    Raises:
        ValueError: it is none, or has no such key.
    """
    content = json.loads(document)
    listed = content.get("keys") if isinstance(content, dict) else None
    keys = {}
    for jwk in listed if isinstance(listed, list) else []:
        key = _signing_key(jwk) if isinstance(jwk, dict) else None
        if key is not None:
            keys[str(jwk["kid"])] = key
    if not keys:
        raise ValueError("no keys")
    return keys


def _signing_key(jwk: dict[str, Any]) -> RSAPublicKey | None:
    if jwk.get("kty") != "RSA" or jwk.get("use", "sig") != "sig" or "kid" not in jwk:
        return None
    try:
        key = PyJWK(jwk, algorithm="RS256").key
    except (PyJWTError, ValueError):
        return None
    return key if isinstance(key, RSAPublicKey) and key.key_size >= _MIN_BITS else None
