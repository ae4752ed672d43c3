"""What a client may find at Microsoft Graph when it completes a session, and how that must end.

A completion cannot be undone. Both clients of Graph in this repository pass these cases: ``accup`` in
``tests/client/test_receipt.py``, and the service's own forwarding in ``tests/deliveries/test_completion.py``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from uuid import uuid4

from tests.client.graph_stand_in import GraphStandIn, Stored
from tests.support.access_files import access_file

OURS = {"a.csv": access_file(3), "b.csv": access_file(4)}
THEIRS = access_file(3)
"""Other contents than those of ``a.csv``, of the same size."""

Part = tuple[str, str, bytes]


class End(Enum):
    """How a case ends."""

    COMPLETE = "the session is complete, and the client says so"
    OPEN = "the session is not completed, and the client says that it is not"
    TOLD = "the session was completed with something else, and the client does not call that done"


def part(name: str, content: bytes | None = None) -> Part:
    """A file of a session; ours, unless other contents are given."""
    return str(uuid4()), name, OURS[name] if content is None else content


def nothing(_: Stored) -> None:
    """Nothing happens."""


@dataclass(frozen=True)
class Case:
    """What the session has (None: there is no session), what happens in between, and the end.

    ``arrives`` is done to the session once, at the first request of which ``moment`` is true.
    """

    name: str
    end: End
    there: tuple[tuple[str, bytes | None], ...] | None = ()
    value_status: int = 200
    lags: bool = False
    moment: Callable[[str, str, Stored], bool] = lambda *_: False
    arrives: Callable[[Stored], None] = nothing

    def prepare(self, graph: GraphStandIn, reference: str) -> None:
        """Make the stand-in have the session, and do in between what the case says."""
        graph.value_status, graph.lags = self.value_status, self.lags
        if self.there is not None:
            session = Stored(str(uuid4()), reference, files=[part(*file) for file in self.there])
            graph.sessions[session.id] = session
        done = False

        def before(method: str, path: str) -> None:
            nonlocal done
            for session in graph.sessions.values():
                if not done and self.moment(method, path, session):
                    done = True
                    self.arrives(session)

        graph.before = before

    def check_end(self, graph: GraphStandIn, *, said_done: bool) -> None:
        """See that it ended as it must; ``said_done`` is what the client said."""
        (session,) = graph.sessions.values()
        assert said_done is (self.end is End.COMPLETE), self.name
        assert (session.status == "complete") is (self.end is not End.OPEN), self.name
        if self.end is End.COMPLETE:
            assert sorted((name, content) for _, name, content in session.files) == sorted(OURS.items())


def everything_is_there(method: str, _: str, session: Stored) -> bool:
    """The next read after all of ours have arrived."""
    return method == "GET" and {name for _, name, _ in session.files} >= set(OURS)


def completing(method: str, _path: str, _session: Stored) -> bool:
    """The request that completes."""
    return method == "PATCH"


def sending_the_second(method: str, path: str, session: Stored) -> bool:
    """An upload when one of ours is there already."""
    return method == "POST" and path.endswith("/uploadFile") and len(session.files) == 1


def complete_it(session: Stored) -> None:
    """Somebody else completes the session."""
    session.status = "complete"


def adds(name: str, content: bytes | None = None) -> Callable[[Stored], None]:
    """Somebody else, or an attempt whose answer was lost, adds a file."""
    return lambda session: session.files.append(part(name, content))


CASES = (
    Case("there is no session", End.COMPLETE, there=None),
    Case("the session is empty", End.COMPLETE),
    Case("one of ours is there", End.COMPLETE, (("a.csv", None),)),
    Case("all of ours are there", End.COMPLETE, (("b.csv", None), ("a.csv", None))),
    Case("one of ours has other contents of the same size", End.OPEN, (("a.csv", THEIRS),)),
    Case("one of ours has another size", End.OPEN, (("a.csv", access_file(9)),)),
    *(
        Case(f"one of ours is there, and cannot be read back ({status})", End.OPEN, (("a.csv", None),), status)
        for status in (403, 404, 405, 429, 500)
    ),
    Case("one of ours is there twice", End.OPEN, (("a.csv", None), ("a.csv", None))),
    Case("one of ours is there twice, once with other contents", End.OPEN, (("a.csv", None), ("a.csv", THEIRS))),
    Case("a file of somebody else is there", End.OPEN, (("c.csv", THEIRS),)),
    Case("the list stays behind", End.OPEN, lags=True),
    Case("a second copy arrives at last", End.OPEN, moment=everything_is_there, arrives=adds("a.csv")),
    Case("another file arrives at last", End.OPEN, moment=everything_is_there, arrives=adds("c.csv", THEIRS)),
    Case("a second copy arrives while it is completed", End.TOLD, moment=completing, arrives=adds("a.csv")),
    Case("somebody else completes it with ours", End.COMPLETE, moment=completing, arrives=complete_it),
    Case("somebody else completes it with less", End.TOLD, moment=sending_the_second, arrives=complete_it),
)
