"""Matching accounts with a directory: the rules one by one, and all of them against a plain implementation."""

import csv
import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from io import StringIO
from uuid import UUID

import numpy as np
import pytest

from shared.access_data.codes import Code
from shared.access_data.people.comparing import comparable
from shared.access_data.people.index import Keys
from shared.access_data.people.matching import Matcher
from shared.access_data.people.snapshots import Snapshot, read_snapshot
from shared.access_data.steps.principals import Match
from tests.unit.access_data.people.plain_matching import PlainMatcher, same

NOW = datetime(2026, 11, 30, tzinfo=UTC)

ANN, BOB, BOB_2, EVE = (str(UUID(int=number << 64 | number, version=4)) for number in (1, 2, 3, 4))
DIRECTORY = f"""\
id,userPrincipalName,mail,employeeId,accountEnabled
{ANN},ann@fabrikam.example,ann.smith@fabrikam.example,1001,True
{BOB},bob@fabrikam.example,bob@fabrikam.example,1002,
{BOB_2},bob.2@fabrikam.example,BOB@fabrikam.example ,ann@fabrikam.example,true
{EVE},eve@fabrikam.example,,1004,FALSE
"""


def snapshot(text: str = DIRECTORY) -> Snapshot:
    return read_snapshot([text.encode()], NOW)


def matched(
    account: str, *match_by: str, accounts: Mapping[str, str] | None = None, directory: str | None = DIRECTORY
) -> tuple[str | None, str | None, Code | None]:
    taken = None if directory is None else snapshot(directory)
    (match,) = Matcher(match_by, accounts or {}, taken).match([account])
    return outcome(match)


def outcome(match: Match) -> tuple[str | None, str | None, Code | None]:
    return match.principal, match.by, match.fault and match.fault.code


@pytest.mark.parametrize(
    ("account", "match_by", "expected"),
    [
        ("ann@fabrikam.example", ("userPrincipalName",), (ANN, "userPrincipalName", None)),
        (" ANN@Fabrikam.example\u200b", ("userPrincipalName",), (ANN, "userPrincipalName", None)),
        ("1001", ("mail", "EMPLOYEEID"), (ANN, "EMPLOYEEID", None)),
        # The first attribute with a hit decides.
        ("ann@fabrikam.example", ("employeeId", "userPrincipalName"), (BOB_2, "employeeId", None)),
        ("bob@fabrikam.example", ("mail", "userPrincipalName"), (None, "mail", Code.AMBIGUOUS_PRINCIPAL)),
        ("bob@fabrikam.example", ("userPrincipalName", "mail"), (BOB, "userPrincipalName", None)),
        ("eve@fabrikam.example", ("userPrincipalName",), (EVE, "userPrincipalName", Code.DISABLED_PRINCIPAL)),
        # Never by similarity.
        ("ann@fabrikam.exampl", ("userPrincipalName",), (None, None, Code.UNKNOWN_PRINCIPAL)),
        ("1001", ("userPrincipalName", "color"), (None, None, Code.UNKNOWN_PRINCIPAL)),
        ("1001", ("color",), (None, None, Code.NO_DIRECTORY)),
        (ANN, ("mail",), (ANN, "objectId", None)),
        (f" {ANN.upper()}", ("mail",), (ANN.upper(), "objectId", None)),
        (EVE, ("mail",), (EVE, "objectId", Code.DISABLED_PRINCIPAL)),
        (str(UUID(int=99)), ("mail",), (None, "objectId", Code.UNKNOWN_PRINCIPAL)),
    ],
)
def test_an_account_is_matched_by_the_declared_attributes_in_their_order(
    account: str, match_by: Sequence[str], expected: tuple[str | None, str | None, Code | None]
) -> None:
    assert matched(account, *match_by) == expected


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        ("-", (None, "accounts", None)),
        (BOB, (BOB, "accounts", None)),
        ("BOB@fabrikam.example", (BOB, "accounts", None)),
        ("eve@fabrikam.example", (EVE, "accounts", Code.DISABLED_PRINCIPAL)),
        ("gone@fabrikam.example", (None, "accounts", Code.UNKNOWN_PRINCIPAL)),
        (str(UUID(int=99)), (None, "accounts", Code.UNKNOWN_PRINCIPAL)),
    ],
)
def test_the_applications_own_list_wins(principal: str, expected: tuple[str | None, str | None, Code | None]) -> None:
    accounts = {"Ann@fabrikam.example ": principal}
    assert matched("ann@fabrikam.example", "userPrincipalName", accounts=accounts) == expected
    assert matched("bob@fabrikam.example", "userPrincipalName", accounts=accounts)[0] == BOB


def test_without_a_directory_object_ids_and_exceptions_are_taken_as_they_are() -> None:
    accounts = {"svc": "-", "robot": "ann@fabrikam.example", "other": ANN}
    assert matched(ANN, "mail", directory=None) == (ANN, "objectId", None)
    assert matched("svc", "mail", accounts=accounts, directory=None) == (None, "accounts", None)
    assert matched("robot", "mail", accounts=accounts, directory=None) == ("ann@fabrikam.example", "accounts", None)
    assert matched("other", "mail", accounts=accounts, directory=None) == (ANN, "accounts", None)
    assert matched("1001", "mail", directory=None) == (None, None, Code.NO_DIRECTORY)


def test_an_account_is_left_out_only_if_the_list_says_so() -> None:
    matches = Matcher(["mail"], {"svc": "-"}, snapshot()).match(["svc", "1001", ANN])
    assert [match.left_out for match in matches] == [True, False, False]


def test_a_directory_that_is_too_old_matches_nothing_and_says_so() -> None:
    matches = Matcher(["mail"], {"svc": "-"}, None, too_old_days=14).match([ANN, "svc", "1001"])
    assert [outcome(match) for match in matches] == [
        (ANN, "objectId", None),
        (None, "accounts", None),
        (None, None, Code.DIRECTORY_TOO_OLD),
    ]
    assert matches[2].fault is not None
    assert "14 days" in matches[2].fault.message


def test_unmatched_accounts_are_told_once_so_that_the_list_can_take_them() -> None:
    matcher = Matcher(["mail"], {"svc": "-", "old": str(UUID(int=99))}, snapshot())
    matcher.match(["x", "bob@fabrikam.example", "svc", "ann.smith@fabrikam.example", ANN])
    matcher.match(["X ", "old", "y" * 513, EVE, "y"])
    assert matcher.unmatched == ["x", "bob@fabrikam.example", "old", "y"]


def test_an_ambiguous_account_names_five_users_by_their_ids_and_nothing_else() -> None:
    ids = [str(UUID(int=number, version=4)) for number in range(8)]
    text = "id,mail,displayName\n" + "".join(f"{each},shared@fabrikam.example,Secret Name\n" for each in ids)
    (match,) = Matcher(["mail"], {}, snapshot(text)).match(["shared@fabrikam.example"])
    assert match.fault is not None
    assert match.fault.message.startswith(f"8 users have this mail: {', '.join(ids[:5])}, and more.")
    assert "Secret" not in match.fault.message


def test_texts_whose_digests_share_a_half_stay_apart() -> None:
    """Which would take 2 to the power of 32 values to see with digests of real texts."""
    half, other = np.uint64(7), np.uint64(9)
    keys = Keys(np.array([half, half, half, other], np.uint64), np.array([1, 2, 2, 1], np.uint64))
    first, last = keys.find(np.array([[7, 1], [7, 2], [7, 3], [9, 1], [9, 2], [8, 1]], np.uint64))
    assert list(zip(first.tolist(), last.tolist(), strict=True)) == [(0, 1), (1, 3), (3, 3), (3, 4), (3, 3), (3, 3)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Stra\xdfe", "STRASSE"),
        ("Jos\xe9", "JOSE\u0301"),
        ("\u0390", "\u03aa\u0301"),
        ("\ufeffann\u200d", "\u3000Ann\xa0"),
        ("\x0bann\x0c", "ann"),
    ],
)
def test_texts_that_differ_in_case_composition_and_surrounding_blanks_are_the_same(one: str, other: str) -> None:
    assert comparable(one) == comparable(other)


@pytest.mark.parametrize(("one", "other"), [("ann", "\x1cann"), ("a nn", "ann"), ("a\u200bnn", "ann"), ("\u212b", "a")])
def test_nothing_else_is_ignored(one: str, other: str) -> None:
    assert comparable(one) != comparable(other)


# Random directories and accounts


LETTERS = [*"aAb1- ", "\xdf", "ss", "SS", "\xe9", "e\u0301", "E\u0301", "\u200b", "\xa0", "@x.example"]
NAMES = ["userPrincipalName", "mail", "employeeId", "login"]


def random_text(chance: random.Random) -> str:
    return "".join(chance.choices(LETTERS, k=chance.randint(0, 4)))


def random_case(chance: random.Random) -> tuple[Sequence[str], dict[str, str], str | None, list[str]]:
    """A declaration, a list of accounts, a directory or none, and accounts to match."""
    ids = [str(UUID(int=chance.getrandbits(128), version=4)) for _ in range(chance.randint(1, 30))]
    ids += [str(UUID(int=UUID(each).int ^ 1)) for each in ids[:3]]  # which differ in the second half only
    values = [random_text(chance) for _ in range(12)]
    columns = chance.sample(NAMES, chance.randint(0, 4))
    text = StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["id", *columns, "accountEnabled"])
    for each in ids:
        cells = [chance.choice(values) for _ in columns]
        writer.writerow([chance.choice([each, each.upper()]), *cells, chance.choice(["true", "False", ""])])
    strangers = [str(UUID(int=chance.getrandbits(128), version=4)) for _ in range(3)]
    pool = [*values, *(random_text(chance) for _ in range(12)), *ids, *(f" {each.upper()}" for each in ids), *strangers]
    pool = [each for each in pool if same(each)]
    principals = ["-", "a@x.example", "ss1@x.example", *ids[:5], *strangers]
    accounts = {same(each): chance.choice(principals) for each in chance.sample(pool, min(6, len(pool)))}
    match_by = chance.sample([*NAMES, "MAIL"], chance.randint(1, 3))
    return match_by, accounts, text.getvalue() if chance.random() < 0.9 else None, pool


def batches(chance: random.Random, accounts: Sequence[str]) -> Iterator[Sequence[str]]:
    taken = 0
    while taken < len(accounts):
        size = chance.randint(1, 20)
        yield accounts[taken : taken + size]
        taken += size


@pytest.mark.parametrize("seed", range(20))
def test_random_accounts_are_matched_as_a_plain_implementation_matches_them(seed: int) -> None:
    chance = random.Random(seed)
    seen: set[tuple[str | None, Code | None]] = set()
    for _ in range(100):
        match_by, accounts, directory, pool = random_case(chance)
        plain = PlainMatcher(match_by, accounts, directory)
        matcher = Matcher(match_by, accounts, None if directory is None else snapshot(directory))
        for batch in batches(chance, pool):
            found = [outcome(match) for match in matcher.match(batch)]
            assert found == [plain.match(account) for account in batch]
            seen |= {(by, code) for _, by, code in found}
    assert {code for _, code in seen} == {
        None,
        Code.UNKNOWN_PRINCIPAL,
        Code.AMBIGUOUS_PRINCIPAL,
        Code.NO_DIRECTORY,
        Code.DISABLED_PRINCIPAL,
    }
    assert {by for by, _ in seen} >= {None, "accounts", "objectId", *NAMES}
