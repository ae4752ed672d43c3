"""Sessions compared with a model in plain Python: random operations through HTTP, with a clock that the test sets."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from local.azurite import azurite
from shared.domain.sessions import refusal_id
from tests.support.access_files import access_file, faulty_access_file
from tests.support.client import Json, Resource, Session, create_body, http_client
from tests.support.clocked import Clock
from tests.support.instances import running_instances
from tests.support.invariants import Storage
from tests.support.service import fire_timer

pytestmark = [pytest.mark.grows, pytest.mark.own_host("on a clock that tests move")]

IDLE = 2 * 3600
GRACE = 24 * 3600

INSTANCES = st.sampled_from([str(uuid4()), str(uuid4())])
NAMES = st.sampled_from(["a.csv", "b.csv"])
CONTENTS = st.sampled_from([access_file(1), access_file(2)])
STEPS = st.sampled_from([60, 3600, IDLE + 60, GRACE + 60])


@dataclass
class Modelled:
    """The expected state of a session."""

    handle: Session
    instance: str
    last_active: float
    status: str = "active"
    files: dict[str, bytes] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)

    def status_at(self, now: float) -> str:
        """Past its deadline it is expired, whether or not the timer has run."""
        return "expired" if self.status == "active" and now >= self.last_active + IDLE else self.status


class World:
    """The service, its storage and its clock, shared by all runs of the state machine."""

    def __init__(self, service: str, http: httpx.Client, storage: Storage, clock: Clock) -> None:
        self.service = service
        self.http = http
        self.storage = storage
        self.clock = clock


class SessionLifecycle(RuleBasedStateMachine):
    """Random operations on a few sessions of one resource."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.resource = Resource(self.world.http)
        self.sessions: list[Modelled] = []

    @property
    def now(self) -> float:
        """The model's clock. Its steps are longer than any operation takes."""
        return self.world.clock.seconds

    def pick(self, number: int) -> Modelled:
        """One of the sessions."""
        return self.sessions[number % len(self.sessions)]

    @initialize(instance=INSTANCES)
    def start(self, instance: str) -> None:
        self.create(instance)

    @rule(instance=INSTANCES)
    def create(self, instance: str) -> None:
        holders = [
            session
            for session in self.sessions
            if session.instance == instance and session.status_at(self.now) in ("active", "complete")
        ]
        answer = self.resource.create(create_body(instance))
        if holders:
            assert answer.status_code == 409
            assert answer.json()["error"]["innerError"]["uploadSessionId"] == holders[0].handle.id
        else:
            assert answer.status_code == 201
            self.sessions.append(Modelled(self.resource.session(answer.json()["id"]), instance, self.now))

    @rule(number=st.integers(0, 9), name=NAMES, content=CONTENTS)
    def upload(self, number: int, name: str, content: bytes) -> None:
        session = self.pick(number)
        answer = session.handle.upload(name, content)
        if not self.takes_changes(session, answer):
            return
        if session.files.get(name, content) != content:
            assert answer.status_code == 409
            return
        assert answer.status_code == 200
        if name not in session.files:
            session.last_active = self.now
        session.files[name] = content
        session.refused.discard(name)

    @rule(number=st.integers(0, 9), name=NAMES)
    def upload_bad(self, number: int, name: str) -> None:
        session = self.pick(number)
        answer = session.handle.upload(name, faulty_access_file(3))
        if self.takes_changes(session, answer):
            assert answer.status_code == 400
            if name not in session.files:
                session.refused.add(name)
            session.last_active = self.now

    @rule(number=st.integers(0, 9), name=NAMES)
    def delete_file(self, number: int, name: str) -> None:
        session = self.pick(number)
        files = {} if session.status == "deleted" else {file["name"]: file["id"] for file in files_of(session)}
        answer = session.handle.delete_file(files.get(name, str(uuid4())))
        if name not in files:
            assert answer.status_code == 404
        elif self.takes_changes(session, answer):
            assert answer.status_code == 204
            del session.files[name]
            session.last_active = self.now

    @rule(number=st.integers(0, 9), name=NAMES)
    def withdraw(self, number: int, name: str) -> None:
        session = self.pick(number)
        answer = session.handle.withdraw(refusal_id(name))
        if name not in session.refused or session.status == "deleted":
            assert answer.status_code == 404
        elif self.takes_changes(session, answer):
            assert answer.status_code == 204
            session.refused.discard(name)
            session.last_active = self.now

    @rule(number=st.integers(0, 9), force=st.booleans())
    def complete(self, number: int, force: bool) -> None:
        session = self.pick(number)
        answer = session.handle.complete({"Prefer": "allow-incomplete"} if force else {})
        if session.status == "complete":
            assert answer.status_code == 200
        elif self.takes_changes(session, answer):
            if force or (session.files and not session.refused):
                assert answer.status_code == 200
                session.status = "complete"
                session.last_active = self.now
            else:
                assert answer.status_code == 409

    @rule(number=st.integers(0, 9))
    def delete(self, number: int) -> None:
        session = self.pick(number)
        answer = session.handle.delete()
        expected = {"complete": 409, "deleted": 404}.get(session.status, 204)
        assert answer.status_code == expected
        if expected == 204:
            session.status = "deleted"

    @rule(seconds=STEPS)
    def let_time_pass(self, seconds: int) -> None:
        self.world.clock.move(seconds)

    @rule()
    def tick(self) -> None:
        fire_timer(self.world.service)
        for session in self.sessions:
            if session.status_at(self.now) == "expired":
                session.status = "expired"
                if self.now >= session.last_active + IDLE + GRACE:
                    session.files.clear()
                    session.refused.clear()

    def takes_changes(self, session: Modelled, answer: httpx.Response) -> bool:
        """Whether the session is active; if it is not, checks that the answer says so."""
        status = session.status_at(self.now)
        if status != "active":
            assert answer.status_code == (404 if status == "deleted" else 409)
        return status == "active"

    @invariant()
    def the_service_agrees_with_the_model(self) -> None:
        for session in self.sessions:
            answer = session.handle.get({"$expand": "files"})
            if session.status == "deleted":
                assert answer.status_code == 404
                continue
            told = answer.json()
            assert told["status"] == session.status_at(self.now)
            assert sorted(file["name"] for file in told["files"]) == sorted(session.files)
            refusals = session.handle.refusals().json()["value"]
            assert {refusal["name"] for refusal in refusals} == session.refused
            total = sum(map(len, session.files.values()))
            assert told["stats"] == {"filesUploaded": len(session.files), "totalBytesUploaded": total}
            assert (told["expirationDateTime"] is None) == (session.status == "complete")

    @precondition(lambda self: self.sessions)
    @invariant()
    def the_list_has_the_sessions_that_are_not_deleted(self) -> None:
        assert self.resource.ids() == [each.handle.id for each in self.sessions if each.status != "deleted"]

    def teardown(self) -> None:
        assert self.world.storage.violations(self.resource) == []


def files_of(session: Modelled) -> list[Json]:
    """The files that the service lists."""
    return list(session.handle.files({"$top": "999"}).json()["value"])


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(1, marks=pytest.mark.slow("of the model with one instance"), id="one-instance"),
        pytest.param(2, id="two-instances"),
    ],
)
def world(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[World]:
    """Instances of the service on an account and a clock of their own."""
    clock = Clock(tmp_path_factory.mktemp("clock") / "seconds")
    with (
        azurite(tmp_path_factory.mktemp("azurite")) as account,
        closing(Storage(account.connection_string)) as storage,
        running_instances([account.connection_string] * request.param, clock.program) as instances,
        http_client(instances.url) as http,
    ):
        if request.param > 1:
            # The balancer takes turns by connection: so each request goes to another instance than the one before.
            http.headers["Connection"] = "close"
        yield World(instances.url, http, storage, clock)


def test_sessions_behave_as_the_model(world: World) -> None:
    SessionLifecycle.world = world
    run_state_machine_as_test(
        SessionLifecycle,
        settings=settings(
            max_examples=settings().max_examples // 25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
