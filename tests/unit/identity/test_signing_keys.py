"""The signing keys: when they are fetched and how long they are kept. With a real server and a controlled clock."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from local.issuer import jwk
from shared.identity.signing_keys import (
    FAILURE_PAUSE_SECONDS,
    KEEP_SECONDS,
    MAX_UNKNOWN_KEYS,
    REFRESH_SECONDS,
    UNKNOWN_KEY_PAUSE_SECONDS,
    KeysUnavailableError,
    SigningKeys,
)
from tests.support.authority import Authority, rsa_key, running_authority


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def authority() -> AsyncIterator[Authority]:
    with running_authority() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(authority: Authority, clock: Clock) -> SigningKeys:
    return SigningKeys(authority.keys_url, clock=clock)


async def in_background(authority: Authority, fetches: int) -> None:
    """Wait for a fetch that nobody waits for."""
    for _ in range(200):
        await asyncio.sleep(0.01)
        if authority.fetches >= fetches:
            break
    await asyncio.sleep(authority.delay + 0.1)
    assert authority.fetches == fetches


async def test_keys_are_fetched_once_and_kept(keys: SigningKeys, authority: Authority) -> None:
    for _ in range(100):
        found = await keys.get("first")
        assert found is not None
        assert found.public_numbers() == rsa_key("first").public_key().public_numbers()

    assert authority.fetches == 1


async def test_concurrent_requests_share_one_fetch(keys: SigningKeys, authority: Authority) -> None:
    authority.delay = 0.2

    found = await asyncio.gather(*(keys.get("first") for _ in range(50)))

    assert all(found)
    assert authority.fetches == 1


async def test_a_fetch_does_not_block_the_event_loop(keys: SigningKeys, authority: Authority) -> None:
    authority.delay = 0.3
    fetch = asyncio.create_task(keys.get("first"))
    loop = asyncio.get_running_loop()
    longest, last = 0.0, loop.time()

    while not fetch.done():
        await asyncio.sleep(0.005)
        longest, last = max(longest, loop.time() - last), loop.time()

    assert longest < 0.15


async def test_a_cancelled_request_does_not_cancel_the_fetch(keys: SigningKeys, authority: Authority) -> None:
    authority.delay = 0.2
    gone = asyncio.create_task(keys.get("first"))
    await asyncio.sleep(0.05)
    other = asyncio.create_task(keys.get("first"))
    await asyncio.sleep(0.05)
    gone.cancel()

    assert await other is not None
    assert authority.fetches == 1


async def test_a_new_key_is_found_at_once(keys: SigningKeys, authority: Authority) -> None:
    await keys.get("first")
    authority.roll("first", "second")

    assert await keys.get("second") is not None
    assert await keys.get("first") is not None
    assert authority.fetches == 2


async def test_fetches_for_unknown_keys_are_limited(keys: SigningKeys, authority: Authority, clock: Clock) -> None:
    await keys.get("first")

    assert await asyncio.gather(*(keys.get(f"unknown {number}") for number in range(50))) == [None] * 50
    for number in range(5 * MAX_UNKNOWN_KEYS):
        with pytest.raises(KeysUnavailableError):
            await keys.get(f"another {number}")
        assert await keys.get("first") is not None
    assert await keys.get("unknown 7") is None, "it was looked for, and is not there"
    assert authority.fetches == 2
    assert remembered(keys) == 50 + MAX_UNKNOWN_KEYS

    clock.now += UNKNOWN_KEY_PAUSE_SECONDS
    assert await keys.get("unknown") is None
    assert await keys.get("unknown") is None
    assert authority.fetches == 3
    assert remembered(keys) <= MAX_UNKNOWN_KEYS + 2


async def test_a_key_that_was_asked_for_before_the_last_fetch_is_not_there(
    keys: SigningKeys, authority: Authority, clock: Clock
) -> None:
    await keys.get("first")
    assert await keys.get("withdrawn") is None
    with pytest.raises(KeysUnavailableError):
        await keys.get("withdrawn too")
    clock.now += UNKNOWN_KEY_PAUSE_SECONDS

    assert await keys.get("withdrawn") is None
    assert await keys.get("withdrawn too") is None
    assert authority.fetches == 3


def remembered(keys: SigningKeys) -> int:
    """How many ids of unknown keys are kept in memory."""
    return sum(len(ids) for ids in vars(keys).values() if isinstance(ids, set | frozenset))


async def test_a_bogus_key_id_does_not_make_a_new_key_invalid(
    keys: SigningKeys, authority: Authority, clock: Clock
) -> None:
    await keys.get("first")
    assert await keys.get("bogus") is None
    authority.roll("first", "second")
    clock.now += 20

    for wait in (40, 39.5, 39):
        with pytest.raises(KeysUnavailableError) as unknown:
            await keys.get("second")
        assert unknown.value.retry_after == wait
        clock.now += 0.5
    assert await keys.get("bogus") is None
    assert authority.fetches == 2

    clock.now += unknown.value.retry_after
    assert await keys.get("second") is not None
    assert authority.fetches == 3


async def test_keys_are_refreshed_in_the_background(keys: SigningKeys, authority: Authority, clock: Clock) -> None:
    await keys.get("first")
    authority.roll("second")
    authority.delay = 0.02
    clock.now += REFRESH_SECONDS + 1

    assert await keys.get("first") is not None, "nobody waits while there is a key that will do"
    await in_background(authority, 2)
    assert await keys.get("first") is None, "a key that was withdrawn is trusted no longer"
    assert await keys.get("second") is not None


async def test_an_outage_of_an_hour_is_survived(keys: SigningKeys, authority: Authority, clock: Clock) -> None:
    await keys.get("first")
    clock.now += REFRESH_SECONDS + 1
    authority.status = 500

    for _ in range(60):
        assert await keys.get("first") is not None
        clock.now += 60
        await asyncio.sleep(0.01)

    # A fetch that is still under way, on a busy machine, would have the answer from before.
    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})
    authority.status = 200
    authority.roll("first", "second")
    clock.now += FAILURE_PAUSE_SECONDS + 1
    assert await keys.get("second") is not None


async def test_keys_are_not_trusted_for_ever(keys: SigningKeys, authority: Authority, clock: Clock) -> None:
    await keys.get("first")
    authority.status = 500
    clock.now += KEEP_SECONDS + 1

    with pytest.raises(KeysUnavailableError):
        await keys.get("first")


async def test_an_unknown_key_is_not_called_invalid_in_an_outage(
    keys: SigningKeys, authority: Authority, clock: Clock
) -> None:
    await keys.get("first")
    authority.status = 500

    for _ in range(20):
        with pytest.raises(KeysUnavailableError):
            await keys.get("second")
    assert authority.fetches == 2
    assert await keys.get("first") is not None

    authority.status = 200
    authority.roll("second")
    clock.now += FAILURE_PAUSE_SECONDS + 1
    assert await keys.get("second") is not None


async def test_an_unavailable_endpoint_is_not_flooded(keys: SigningKeys, authority: Authority, clock: Clock) -> None:
    authority.status = 503
    for _ in range(20):
        with pytest.raises(KeysUnavailableError):
            await keys.get("first")
    assert authority.fetches == 1

    authority.status = 200
    clock.now += FAILURE_PAUSE_SECONDS + 1
    assert await keys.get("first") is not None


async def test_a_refused_connection_is_an_outage(clock: Clock) -> None:
    with pytest.raises(KeysUnavailableError):
        await SigningKeys("http://127.0.0.1:9/keys", clock=clock).get("first")


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"keys": 1}',
        b'{"keys": []}',
        b'{"keys": [1, {}, {"kty": "RSA"}]}',
        b"\xff\xfe",
        b" " * 2_000_000,
        b"[" * 100_000,
    ],
    ids=["empty", "html", "list", "no list", "no key", "no good key", "no text", "endless", "deep"],
)
async def test_an_invalid_document_changes_nothing(
    keys: SigningKeys, authority: Authority, clock: Clock, document: bytes
) -> None:
    await keys.get("first")
    authority.document = document
    clock.now += REFRESH_SECONDS + 1

    await keys.get("first")
    await in_background(authority, 2)

    assert await keys.get("first") is not None


async def test_only_long_rsa_signing_keys_are_accepted(keys: SigningKeys, authority: Authority, clock: Clock) -> None:
    others = [
        {"kty": "oct", "kid": "secret", "k": "AAAA"},
        {"kty": "EC", "kid": "curve", "crv": "P-256", "x": "AA", "y": "AA"},
        jwk("encryption", rsa_key("encryption")) | {"use": "enc"},
        jwk("short", rsa_key("short", 1024)),
        {"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"},
    ]
    authority.document = json.dumps({"keys": [*others, jwk("first", rsa_key("first"))]}).encode()

    assert await keys.get("first") is not None
    for other in others:
        clock.now += UNKNOWN_KEY_PAUSE_SECONDS
        assert await keys.get(str(other["kid"])) is None
