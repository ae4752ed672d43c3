"""Unusual ways to write a path: each reaches the same session or none, never another one."""

from collections.abc import Callable

import pytest

from tests.support.client import Session
from tests.support.invariants import Storage
from tests.support.wire import RawAnswer, exchange, head, host_answer

Write = Callable[[str, str], str]

# From the path of the collection and the session's id.
SAME: dict[str, Write] = {
    "a slash at the end": lambda path, key: f"{path}/{key}/",
    "an id in capitals": lambda path, key: f"{path}/{key.upper()}",
    "words in capitals": lambda path, key: f"{path.upper()}/{key}",
    "encoded letters": lambda path, key: f"/%76%31.0{path.removeprefix('/v1.0')}/%{ord(key[0]):02x}{key[1:]}",
    "a key in brackets": lambda path, key: f"{path}('{key}')",
    "a key in brackets and a slash": lambda path, key: f"{path}('{key}')/",
    "an encoded key": lambda path, key: f"{path}%28%27{key}%27%29",
    "an empty query": lambda path, key: f"{path}/{key}?",
    "a dot": lambda path, key: f"{path}/./{key}",
    "an encoded dot": lambda path, key: f"{path}/%2e/{key}",
    "up and down": lambda path, key: f"{path}/x/../{key}",
    "up and down, encoded": lambda path, key: f"{path}/%2e%2e/uploadSessions/{key}",
    "down from another version": lambda path, key: f"/beta/..{path}/{key}",
}

NOWHERE: dict[str, Write] = {
    "a fragment": lambda path, key: f"{path}/{key}#x",
    "two slashes at the end": lambda path, key: f"{path}/{key}//",
    "two slashes behind a key in brackets": lambda path, key: f"{path}('{key}')//",
    "two slashes": lambda path, key: f"{path}//{key}",
    "two slashes behind the version": lambda path, key: f"/v1.0/{path.removeprefix('/v1.0')}/{key}",
    "up and down, encoded in one": lambda path, key: f"{path}/..%2fuploadSessions%2f{key}",
    "an encoded slash before": lambda path, key: f"{path}%2f{key}",
    "an encoded slash behind": lambda path, key: f"{path}/{key}%2f",
    "a slash that is overlong": lambda path, key: f"{path}/{key}%c0%af",
    "a backslash": lambda path, key: f"{path}/{key}\\..\\x",
    "an encoded backslash": lambda path, key: f"{path}/{key}%5c..",
    "a blank": lambda path, key: f"{path}/{key}%20",
    "a line break": lambda path, key: f"{path}/{key}%0d%0aX:%20y",
    "a parameter of the segment": lambda path, key: f"{path}/{key};x=1",
    "an encoded question mark": lambda path, key: f"{path}/{key}%3fx",
    "an encoded number sign": lambda path, key: f"{path}/{key}%23x",
    "encoded twice": lambda path, key: f"{path}/%25{ord(key[0]):02x}{key[1:]}",
    "half an encoding": lambda path, key: f"{path}/{key}%",
    "no hyphens": lambda path, key: f"{path}/{key.replace('-', '')}",
    "braces": lambda path, key: f"{path}/%7B{key}%7D",
    "a URN": lambda path, key: f"{path}/urn:uuid:{key}",
    "digits of another script": lambda path, key: f"{path}/%EF%BC%90{key[1:]}",
    "a key without quotes": lambda path, key: f"{path}({key})",
    "a key with a name": lambda path, key: f"{path}(id='{key}')",
    "a key in double quotes": lambda path, key: f"{path}(%22{key}%22)",
    "a key that is not closed": lambda path, key: f"{path}('{key}'",
    "two keys": lambda path, key: f"{path}('{key}')('{key}')",
    "a key, and an id": lambda path, key: f"{path}('{key}')/{key}",
    "a quote within a key": lambda path, key: f"{path}('{key}'''')",
}

# What the Functions host refuses by itself, and with which status.
REFUSED_BY_THE_HOST: dict[str, tuple[Write, int]] = {
    "far up": (lambda path, key: f"{path}/{key}/{'../' * 50}etc/passwd", 404),
    "NUL": (lambda path, key: f"{path}/{key}%00", 400),
    "NUL and more": (lambda path, key: f"{path}/{key}%00.csv", 400),
    "another host in the path": (lambda path, key: f"http://evil.example{path}/{key}", 400),
}


def call(service: str, method: str, target: str) -> RawAnswer:
    return exchange(service, [head(method, target, {"Connection": "close"})])


@pytest.mark.parametrize("way", SAME)
def test_equivalent_paths(session: Session, service: str, way: str) -> None:
    answer = call(service, "GET", SAME[way](session.resource.path, session.id))

    assert answer.status == 200
    assert answer.json()["id"] == session.id
    assert b"evil" not in answer.body


@pytest.mark.parametrize("way", NOWHERE)
def test_malformed_paths_are_refused(session: Session, service: str, storage: Storage, way: str) -> None:
    target = NOWHERE[way](session.resource.path, session.id)

    with storage.unchanged(session.resource):
        for method in ("GET", "DELETE"):
            answer = call(service, method, target)
            assert answer.status in (400, 404), answer.body
            assert answer.json()["error"]["innerError"]["code"]


@pytest.mark.parametrize("way", REFUSED_BY_THE_HOST)
def test_paths_that_the_host_refuses(session: Session, service: str, storage: Storage, way: str) -> None:
    write, status = REFUSED_BY_THE_HOST[way]
    target = write(session.resource.path, session.id)

    with storage.unchanged(session.resource):
        for method in ("GET", "DELETE"):
            assert host_answer(service, [head(method, target, {"Connection": "close"})]) == status
