"""The query options as tables: what is supported, what is refused, and the error messages."""

import operator
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.core.errors import INVALID_QUERY_OPTION, GraphError
from shared.core.settings import Settings
from shared.query.capabilities import FILE, SESSION, Capabilities
from shared.query.options import NESTED_OPTIONS, Query, parse_query, select_properties

MAX_LENGTH, MAX_DEPTH = Settings().max_filter_length, Settings().max_filter_depth

LIST_OPTIONS = NESTED_OPTIONS | {"$expand", "$skiptoken"}
REFERENCE = "0a1b2c3d-4e5f-6789-abcd-ef0123456789"
ACTIVE_SESSION = {"status": "active", "referenceId": REFERENCE}
APRIL = {"name": "april.csv", "size": 1000, "uploadedDateTime": datetime(2026, 4, 30, 12, tzinfo=UTC)}


def ask(*pairs: tuple[str, str], capabilities: Capabilities = SESSION) -> Query:
    """What a request with these query parameters means to an operation that knows every option."""
    return parse_query(pairs, capabilities=capabilities, allowed=LIST_OPTIONS)


def keeps(text: str, values: dict[str, Any], *, capabilities: Capabilities) -> bool:
    """Whether a filter of this text keeps an capabilities of these values."""
    predicate = ask(("$filter", text), capabilities=capabilities).filter
    assert predicate is not None
    return predicate(values)


def refusal(*pairs: tuple[str, str], capabilities: Capabilities = SESSION) -> GraphError:
    """The error that answers these query parameters."""
    with pytest.raises(GraphError) as caught:
        ask(*pairs, capabilities=capabilities)
    assert caught.value.problem is INVALID_QUERY_OPTION
    assert caught.value.problem.status == 400
    return caught.value


# --- which options -----------------------------------------------------------------------------------------------


def test_a_query_without_options_selects_everything() -> None:
    query = ask()

    assert query == Query(filter=None, order_by=(), top=None, skip=0, counted=False, select=None, expanded=None)


@pytest.mark.parametrize("name", ["$search", "$Search", "$", "$format", "$filter ", "$" + "x" * 500])
def test_an_unknown_option_is_refused_by_name(name: str) -> None:
    error = refusal((name, "x"))

    assert error.target is not None
    assert error.target.startswith(name[:60])
    assert len(error.message) < 300
    assert "$orderby" in error.message


def test_an_option_that_the_operation_does_not_support_is_refused() -> None:
    with pytest.raises(GraphError, match=r"\$top: .* Supported: \$expand, \$select\.") as caught:
        parse_query([("$top", "5")], capabilities=SESSION, allowed={"$select", "$expand"})

    assert caught.value.target == "$top"


def test_an_operation_without_options_says_so() -> None:
    with pytest.raises(GraphError, match="none that starts with"):
        parse_query([("$top", "5")], capabilities=SESSION, allowed=())


def test_a_custom_option_is_ignored_but_kept_for_the_next_link() -> None:
    query = ask(("topmost", "x"), ("api-version", "1"), ("$top", "5"), ("api-version", "2"))

    assert query.top == 5
    assert query.options == (("topmost", "x"), ("api-version", "1"), ("$top", "5"), ("api-version", "2"))


def test_the_dollar_sign_of_a_system_option_is_optional() -> None:
    given = {
        "filter": "status eq 'active'",
        "orderBy": "createdDateTime desc",
        "top": "5",
        "skip": "2",
        "count": "true",
        "select": "id",
        "expand": "files(top=1;$orderby=name)",
        "skiptoken": "x",
    }
    plain, dollars = ask(*given.items()), ask(*((f"${name}", text) for name, text in given.items()))

    assert plain.filter is not None
    assert plain._replace(filter=None, options=()) == dollars._replace(filter=None, options=())


@pytest.mark.parametrize("name", ["search", "APPLY", "format", "id", "deltatoken", "schemaversion", "levels"])
def test_a_system_option_that_is_not_supported_is_refused_without_its_dollar_sign_too(name: str) -> None:
    assert refusal((name, "x")).target == name
    assert refusal(("$top", "5"), ("top", "5")).target == "$top"


@pytest.mark.parametrize("name", ["", "%24filter", "%24Top", "+%24filter", "%24", ";$filter"])
def test_a_name_that_has_lost_its_dollar_sign_is_refused_with_a_hint(name: str) -> None:
    error = refusal((name, "status eq 'active'"))

    assert error.target == (name or "query")
    assert "single quotes" in error.message


@pytest.mark.parametrize("name", ["amp;$filter", "amp;filter", "AMP;%24filter", "amp;anything"])
def test_an_ampersand_as_html_writes_it_is_refused(name: str) -> None:
    error = refusal((name, "status eq 'active'"))

    assert error.target == name
    assert "&amp; is how HTML writes it" in error.message


@pytest.mark.parametrize("name", ["$orderby", "$orderBy", "$OrderBy", "$ORDERBY"])
def test_option_names_are_case_insensitive(name: str) -> None:
    assert ask((name, "createdDateTime")).order_by == (("createdDateTime", False),)


@pytest.mark.parametrize("second", ["$top", "$Top"])
def test_an_option_given_twice_is_refused(second: str) -> None:
    error = refusal(("$top", "5"), (second, "5"))

    assert error.target == "$top"
    assert "more than once" in error.message


# --- $top, $skip, $count, $skiptoken -----------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "top"), [("1", 1), ("100", 100), ("999", 999), ("007", 7)])
def test_top(text: str, top: int) -> None:
    assert ask(("$top", text)).top == top


@pytest.mark.parametrize(
    "text", ["", "0", "1000", "-1", "+5", " 5", "5 ", "1_0", "1.0", "1e2", "abc", "null", "\u0661", "²", "9" * 5000]
)
def test_top_is_a_whole_number_from_1_to_999(text: str) -> None:
    error = refusal(("$top", text))

    assert error.target == "$top"
    assert "from 1 to 999" in error.message
    assert len(error.message) < 200


@pytest.mark.parametrize(("text", "skip"), [("0", 0), ("1000", 1000), ("2147483647", 2**31 - 1)])
def test_skip(text: str, skip: int) -> None:
    assert ask(("$skip", text)).skip == skip


@pytest.mark.parametrize("text", ["", "-1", "+0", "2147483648", "99999999999", "x"])
def test_skip_is_a_whole_number_of_32_bits(text: str) -> None:
    assert refusal(("$skip", text)).target == "$skip"


@pytest.mark.parametrize(("text", "count"), [("true", True), ("false", False), ("TRUE", True), ("False", False)])
def test_count(text: str, count: bool) -> None:
    assert ask(("$count", text)).counted is count


@pytest.mark.parametrize("text", ["", "1", "0", "yes", " true"])
def test_count_is_true_or_false(text: str) -> None:
    assert "true or false" in refusal(("$count", text)).message


def test_a_skiptoken_is_not_interpreted() -> None:
    opaque = "b3BhcXVl="

    assert ask(("$skiptoken", opaque)).skip_token == opaque


# --- $orderby ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "order_by"),
    [
        ("size", (("size", False),)),
        ("size asc", (("size", False),)),
        ("size desc", (("size", True),)),
        (" size  DESC ", (("size", True),)),
        ("uploadedDateTime desc,name", (("uploadedDateTime", True), ("name", False))),
        ("uploadedDateTime desc, name asc", (("uploadedDateTime", True), ("name", False))),
    ],
)
def test_orderby(text: str, order_by: tuple[tuple[str, bool], ...]) -> None:
    assert ask(("$orderby", text), capabilities=FILE).order_by == order_by


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "''"),
        ("size,", "''"),
        ("id", "'id'"),
        ("Size", "'Size'"),
        ("desc", "'desc'"),
        ("size down", "'down'"),
        ("size desc asc", "'desc asc'"),
        ("size;name", "'size;name'"),
    ],
)
def test_orderby_refuses_other_properties(text: str, named: str) -> None:
    error = refusal(("$orderby", text), capabilities=FILE)

    assert error.target == "$orderby"
    assert named in error.message


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("$orderby", "size,name,size"),
        ("$orderby", "size,size desc"),
        ("$select", "id,id"),
        ("$select", "*,name,*"),
        ("$select", ",".join(["size"] * 2500)),
    ],
)
def test_a_repeated_name_is_refused(option: str, text: str) -> None:
    error = refusal((option, text), capabilities=FILE)

    assert error.target == option
    assert "more than once" in error.message
    assert len(error.message) < 100


# --- $select -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "select"),
    [
        ("id", ("id",)),
        ("id,status", ("id", "status")),
        (" id , status ", ("id", "status")),
        ("*", None),
        ("id,*", None),
    ],
)
def test_select(text: str, select: tuple[str, ...] | None) -> None:
    assert ask(("$select", text)).select == select


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "''"),
        ("id,", "''"),
        ("id,colour", "'colour'"),
        ("ID", "'ID'"),
        ("data/reviewInstanceId", "'data/reviewInstanceId'"),
    ],
)
def test_select_names_the_property_that_does_not_exist(text: str, named: str) -> None:
    error = refusal(("$select", text))

    assert error.target == "$select"
    assert named in error.message
    assert "isUploadDone" in error.message


def test_expanded_files_are_selected_too() -> None:
    assert ask(("$select", "id"), ("$expand", "files")).select == ("id", "files")


def test_selecting_keeps_the_chosen_properties_and_every_annotation() -> None:
    body = {
        "@odata.context": "c",
        "@odata.etag": "e",
        "id": "1",
        "status": "active",
        "files@odata.count": 2,
        "files": [],
    }

    assert select_properties(body, ("status",)) == {
        "@odata.context": "c",
        "@odata.etag": "e",
        "status": "active",
        "files@odata.count": 2,
    }


def test_no_selection_keeps_all() -> None:
    body = {"@odata.etag": "e", "id": "1", "files": [{}]}

    assert select_properties(body, None) == body


# --- $expand -----------------------------------------------------------------------------------------------------


def test_files_expand_without_options() -> None:
    assert ask(("$expand", "files")).expanded == Query()


def test_files_expand_with_several_options() -> None:
    text = "files($filter=size ge 5;$orderby=uploadedDateTime desc,name;$top=5;$skip=1;$select=name,size;$count=true)"

    query = ask(("$expand", text)).expanded

    assert query is not None
    assert query.filter is not None
    assert query.order_by == (("uploadedDateTime", True), ("name", False))
    assert (query.top, query.skip, query.counted, query.select) == (5, 1, True, ("name", "size"))


def test_spaces_around_nested_options_are_ignored() -> None:
    query = ask(("$expand", " files( $top=5 ; $skip=2 ) ")).expanded

    assert query is not None
    assert (query.top, query.skip) == (5, 2)


@pytest.mark.parametrize("name", ["a;b.csv", "a).csv", "(a.csv", "a,b.csv", "it's; (ours)", "''", "$top=5"])
def test_separators_in_quoted_text_are_not_split(name: str) -> None:
    quoted = name.replace("'", "''")

    query = ask(("$expand", f"files($filter=(name eq '{quoted}' and (size gt 5));$top=3)")).expanded

    assert query is not None
    assert query.filter is not None
    assert query.top == 3
    assert query.filter({**APRIL, "name": name})
    assert not query.filter(APRIL)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cannot expand ''"),
        ("*", "cannot expand '*'"),
        ("stats", "cannot expand 'stats'"),
        ("files,stats", "cannot expand 'stats'"),
        ("Files", "cannot expand 'Files'"),
        ("files/$ref", "cannot expand 'files/$ref'"),
        ("files,files", "expanded more than once"),
        ("files($top=5),files($skip=5)", "expanded more than once"),
        ("files(", "is not closed"),
        ("files)", "is not closed"),
        ("files($top=5))", "is not closed"),
        ("files($top=5)($skip=5)", "is not closed"),
        ("files($filter=name eq 'x)", "is not closed"),
        ("files($top=5)x", "cannot expand"),
        ("files()", "not ''"),
        ("files($top=5;)", "not ''"),
        ("files(topmost=5)", "not 'topmost=5'"),
        ("files($top)", "from 1 to 999"),
        ("files($top=0)", "in files(...): $top: "),
        ("files($top=5;$top=5)", "$top: this query option was sent more than once"),
        ("files($expand=files)", "$expand: this query option is not supported"),
        ("files($levels=2)", "$levels: this query option is not supported"),
        ("files($filter=status eq 'active')", "cannot filter by status"),
        ("files($select=stats)", "'stats'"),
        ("files($orderby=createdDateTime)", "'createdDateTime'"),
        ("files($filter=" + "(" * 500 + "size eq 5" + ")" * 500 + ")", "parentheses"),
        ("files" + "(" * 5000, "is not closed"),
        ("'" * 5001, "is not closed"),
    ],
)
def test_expand_says_what_is_wrong(text: str, said: str) -> None:
    error = refusal(("$expand", text))

    assert error.target == "$expand"
    assert said in error.message


def test_files_have_nothing_to_expand() -> None:
    assert "cannot expand 'files'" in refusal(("$expand", "files"), capabilities=FILE).message


# --- $filter: what it keeps --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("status eq 'active'", True),
        ("status eq 'complete'", False),
        ("status eq 'unknownFutureValue'", False),
        ("'active' eq status", True),
        ("status EQ 'active'", True),
        ("  status  eq  'active'  ", True),
        (f"referenceId eq '{REFERENCE}'", True),
        (f"referenceId eq {REFERENCE}", True),
        (f"referenceId eq '{REFERENCE.upper()}'", True),
        (f"referenceId eq {REFERENCE.upper()}", True),
        ("referenceId eq '00000000-0000-0000-0000-000000000000'", False),
        (f"status eq 'active' and referenceId eq '{REFERENCE}'", True),
        (f"status eq 'expired' and referenceId eq '{REFERENCE}'", False),
        ("status eq 'expired' or status eq 'active'", True),
        ("status eq 'active' or status eq 'expired' and status eq 'complete'", True),
        ("(status eq 'active' or status eq 'expired') and status eq 'complete'", False),
        ("not (status eq 'active')", False),
        ("not(status eq 'active')", False),
        ("NOT(status eq 'expired')", True),
        ("not not (status eq 'active')", True),
        ("not (status eq 'expired') and status eq 'active'", True),
        ("((status eq 'active'))", True),
        ("( status eq 'active' )", True),
    ],
)
def test_a_filter_of_sessions(text: str, kept: bool) -> None:
    assert keeps(text, ACTIVE_SESSION, capabilities=SESSION) is kept


def test_references_are_case_insensitive() -> None:
    assert keeps(
        f"referenceId eq {REFERENCE}", {**ACTIVE_SESSION, "referenceId": REFERENCE.upper()}, capabilities=SESSION
    )


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("name eq 'april.csv'", True),
        ("name eq 'April.csv'", False),
        ("name ne 'april.csv'", False),
        ("name eq 'not(april.csv'", False),
        ("size eq 1000", True),
        ("size ne 1000", False),
        ("size gt 999", True),
        ("size gt 1000", False),
        ("size ge 1000", True),
        ("size lt 1000", False),
        ("size le 1000", True),
        ("size gt -1", True),
        ("999 lt size", True),
        ("1000 ge size", True),
        ("size lt 99999999999999999999999999", True),
        ("name ne '1/2/2026' or name eq '29.11.2026 13:46'", True),
        ("uploadedDateTime eq 2026-04-30T12:00:00Z", True),
        ("uploadedDateTime eq 2026-04-30T12:00Z", True),
        ("uploadedDateTime eq 2026-04-30T12:00:00.000Z", True),
        ("uploadedDateTime eq 2026-04-30t12:00:00z", True),
        ("uploadedDateTime eq 2026-04-30T14:00:00+02:00", True),
        ("uploadedDateTime gt 2026-04-30T11:59:59.999Z", True),
        ("uploadedDateTime le 2026-04-30T11:59:59.9999999Z", False),
        ("uploadedDateTime ne 2026-04-30T12:00:00Z", False),
        ("uploadedDateTime ge 2026-04-30", True),
        ("uploadedDateTime lt 2026-05-01", True),
        ("uploadedDateTime lt 2026-04-30", False),
        ("2026-04-30 le uploadedDateTime", True),
        ("uploadedDateTime lt 9999-12-31T23:59:59-23:59", True),
        ("uploadedDateTime gt 1000-01-01T00:00:00+23:59", True),
    ],
)
def test_a_filter_of_files(text: str, kept: bool) -> None:
    assert keeps(text, APRIL, capabilities=FILE) is kept


def test_a_quote_in_a_name_is_written_twice() -> None:
    assert keeps("name eq 'it''s not(1).csv'", {**APRIL, "name": "it's not(1).csv"}, capabilities=FILE)


def test_parentheses_can_be_nested_up_to_the_limit() -> None:
    deep = "(" * MAX_DEPTH + "size eq 1000" + ")" * MAX_DEPTH

    assert keeps(deep, APRIL, capabilities=FILE)


@pytest.mark.parametrize(
    "text",
    [
        " or ".join(["size eq 1"] * 140 + ["size eq 1000"]),
        "not " * 490 + "(size eq 1000)",
        "(size eq 1 or not(size eq 1 and " * 10 + "size eq 1000" + "))" * 10,
    ],
    ids=["a long chain", "many times not", "operators in turn, as deep as may be"],
)
def test_a_long_filter_needs_no_deep_stack(text: str) -> None:
    assert keeps(text, APRIL, capabilities=FILE)


# --- $filter: what it refuses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("capabilities", "text", "said"),
    [
        (SESSION, "colour eq 'red'", "cannot filter by colour. Supported: status, referenceId"),
        (SESSION, "Status eq 'active'", "cannot filter by Status"),
        (SESSION, "microsoft.graph.status eq 'active'", "cannot filter by microsoft.graph.status"),
        (SESSION, "status ne 'active'", "status does not support ne. Supported: eq"),
        (SESSION, "status in ('active', 'complete')", "status does not support in"),
        (SESSION, "status eq 5", "'active' or 'complete' or 'expired' or 'unknownFutureValue'"),
        (SESSION, "status eq 'Active'", "cannot be compared with Active. Expected: 'active'"),
        (SESSION, "status eq 'deleted'", "Expected: 'active'"),
        (SESSION, "status eq active", "Expected: 'active'"),
        (SESSION, "status eq null", "Expected: 'active'"),
        (SESSION, "status eq ('active',)", "Expected: 'active'"),
        (SESSION, "referenceId eq 'abc'", "GUID"),
        (SESSION, f"referenceId eq '{{{REFERENCE}}}'", "GUID"),
        (SESSION, "referenceId eq 5", "GUID"),
        (FILE, "name gt 'a'", "name does not support gt. Supported: eq, ne"),
        (FILE, "name eq 5", "single quotes"),
        (FILE, "name eq april", "single quotes"),
        (FILE, "size eq '1000'", "whole number without quotes"),
        (FILE, "size eq 1.5", "whole number"),
        (FILE, "size eq 1e3", "whole number"),
        (FILE, "size eq - 5", "whole number"),
        (FILE, "size eq \u0663", "whole number"),
        (FILE, "size eq size", "whole number"),
        (FILE, "size eq true", "whole number"),
        (FILE, "uploadedDateTime gt '2026-01-01T00:00:00Z'", "without quotes"),
        (FILE, "uploadedDateTime gt 2026-01-01T00:00:00", "with an offset"),
        (FILE, "uploadedDateTime gt 2026-02-30", "cannot be compared with 2026-02-30"),
        (FILE, "uploadedDateTime gt 2026-02-30T00:00:00Z", "cannot be compared"),
        (FILE, "uploadedDateTime gt 2026-01-01T00:00::00Z", "cannot be compared"),
        (FILE, "uploadedDateTime gt 1\u0660\u0660\u0660-01-01", "cannot be compared"),
        (FILE, "uploadedDateTime gt 2026-01-01T00:00:00 01:00", "write + as %2B"),
        (FILE, "uploadedDateTime gt 2026-13-01", "syntax error"),
        # What PowerShell makes of a date: in a string, in German, by Get-Date -Format u, with an offset.
        (
            FILE,
            "uploadedDateTime ge 11/29/2026 13:46:21",
            "'11/29/2026' is not a date. Write it as 2026-11-29T13:46:21Z",
        ),
        (FILE, "uploadedDateTime ge 29.11.2026 13:46:21", "'29.11.2026' is not a date"),
        (FILE, "uploadedDateTime ge 2026-11-29 13:46:21Z", "'2026-11-29 13:46:21Z' is not a date"),
        (FILE, "size gt 1 and uploadedDateTime ge 2026/11/29", "'2026/11/29' is not a date"),
        (FILE, "uploadedDateTime ge datetime'2026-11-29T13:46:21'", "is not a date"),
        (FILE, "uploadedDateTime ge 2026-11-29T13:46:21", "a date-time with an offset"),
        (FILE, "uploadedDateTime ge 2026-11-29T13:46:21.1234567 01:00", "write + as %2B"),
        (FILE, "uploadedDateTime gt now()", "function now is not supported"),
        (FILE, "contains(name, 'april')", "function contains is not supported"),
        (FILE, "startswith(name)", "function startswith is not supported"),
        (FILE, "tolower(name) eq 'a'", "function tolower is not supported"),
        (FILE, "name eq tolower('A')", "function tolower is not supported"),
        (FILE, "com.example.f(name)", "function com.example.f is not supported"),
        (FILE, "f()", "function f is not supported"),
        (FILE, "f(a=1,b=2,c=3)", "syntax error"),
        (FILE, "size add 1 gt 5", "compare a property with a value"),
        (FILE, "5 eq 5", "compare a property with a value"),
        (FILE, "size gt 1 gt 1", "compare a property with a value"),
        (FILE, "not size gt 5", "Use parentheses, as in not (size gt 5)"),
        (FILE, "not 5", "must be a condition"),
        (FILE, "size", "must be a condition"),
        (FILE, "true", "must be a condition"),
        (FILE, "size eq 5 and size", "must be a condition"),
        (FILE, "owner/name eq 'x'", "paths"),
        (FILE, "tags/any(t: t eq 'x')", "paths"),
        (FILE, "a/" * 990 + "a eq 1", "paths"),
        (FILE, "", "syntax error at its end"),
        (FILE, "   ", "syntax error at its end"),
        (FILE, "size eq", "syntax error"),
        (FILE, "size eq 5 and", "syntax error at 'and'"),
        (FILE, "size = 5", "syntax error"),
        (FILE, "size has 5", "syntax error at 'has 5'"),
        (FILE, "name eq 'april", "syntax error"),
        (FILE, 'name eq "april"', "syntax error"),
        (FILE, "(size eq 5", "syntax error at its end"),
        (FILE, "size eq 5)", "syntax error"),
        (FILE, "size eq 5; size eq 6", "syntax error"),
        (FILE, "\x00", "syntax error"),
        (FILE, "(" * 21 + "size eq 5" + ")" * 21, "more than 20 levels deep"),
        (FILE, "(" * 1990, "more than 20 levels deep"),
        (FILE, "size eq 5 or " * 200 + "size eq 5", "The limit is 2000 (UPLOADS_MAX_FILTER_LENGTH)"),
    ],
)
def test_a_filter_says_what_is_wrong(capabilities: Capabilities, text: str, said: str) -> None:
    error = refusal(("$filter", text), capabilities=capabilities)

    assert error.target == "$filter"
    assert said in error.message
    assert len(error.message) < 300


# --- properties --------------------------------------------------------------------------------------------------

PIECES = """name size status referenceId uploadedDateTime files eq ne gt not and or in any all null true ( ) , ; / : = -
+ ' '' 'a' 5 1.5 -1 2026-01-01 2026-01-01T00:00:00Z duration'P1D' geography'x' contains $filter= $top=5 files( *
0a1b2c3d-4e5f-6789-abcd-ef0123456789"""
WORDS = st.sampled_from(PIECES.split())
ODATA_LIKE = st.lists(WORDS, max_size=40).map(" ".join) | st.lists(WORDS, max_size=40).map("".join)
ANY_TEXT = st.text(max_size=200) | ODATA_LIKE
NAMES = st.sampled_from(sorted(LIST_OPTIONS)) | st.text(max_size=10).map("${}".format)


@given(st.lists(st.tuples(NAMES, ANY_TEXT), max_size=4), st.sampled_from([SESSION, FILE]))
@example([("$filter", "("), ("$expand", "files(($filter=')")], SESSION)
def test_any_text_is_parsed_or_refused_with_400(pairs: list[tuple[str, str]], capabilities: Capabilities) -> None:
    try:
        query = ask(*pairs, capabilities=capabilities)
    except GraphError as error:
        assert error.problem.status == 400
        assert error.target is not None
    else:
        assert query.options == tuple(pairs)


@given(ODATA_LIKE | st.text(max_size=MAX_LENGTH * 2))
def test_any_filter_is_compiled_or_refused_with_400(text: str) -> None:
    try:
        kept = keeps(text, APRIL, capabilities=FILE)
    except GraphError as error:
        assert error.problem.status == 400
    else:
        assert isinstance(kept, bool)


INSTANTS = st.datetimes(
    min_value=datetime(1001, 1, 1),
    max_value=datetime(9999, 12, 30),
    timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
FILES = st.fixed_dictionaries(
    {"name": st.sampled_from(["a", "it's", "not(b)", "c;d"]), "size": st.integers(0, 5), "uploadedDateTime": INSTANTS}
)
Condition = tuple[str, Callable[[dict[str, Any]], bool]]


@st.composite
def comparisons(draw: st.DrawFn) -> Condition:
    """A comparison as OData text, and as Python that says the same without the parser."""
    name = draw(st.sampled_from(sorted(FILE.filterable)))
    word = draw(st.sampled_from(FILE.filterable[name].operators))
    value = draw(FILES)[name]
    literal = value.isoformat() if isinstance(value, datetime) else str(value)
    if name == "name":
        literal = "'" + literal.replace("'", "''") + "'"
    return f"{name} {word} {literal}", lambda file: bool(getattr(operator, word)(file[name], value))


def joined(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    """The ways to make a larger condition of smaller ones."""
    pairs = st.tuples(inner, inner)
    return (
        pairs.map(lambda p: (f"({p[0][0]}) and ({p[1][0]})", lambda file: p[0][1](file) and p[1][1](file)))
        | pairs.map(lambda p: (f"({p[0][0]}) or ({p[1][0]})", lambda file: p[0][1](file) or p[1][1](file)))
        | inner.map(lambda c: (f"not ({c[0]})", lambda file: not c[1](file)))
        | inner.map(lambda c: (f"not({c[0]})", lambda file: not c[1](file)))
    )


@given(st.recursive(comparisons(), joined, max_leaves=10).filter(lambda c: len(c[0]) <= MAX_LENGTH), FILES)
def test_a_filter_has_the_same_result_as_python(condition: Condition, file: dict[str, Any]) -> None:
    text, means = condition

    assert keeps(text, file, capabilities=FILE) is means(file)


@given(st.lists(comparisons(), min_size=1, max_size=8), st.data(), FILES)
def test_and_has_precedence_over_or(conditions: list[Condition], data: st.DataObject, file: dict[str, Any]) -> None:
    words = [data.draw(st.sampled_from(["and", "or"])) for _ in conditions[1:]]
    text = conditions[0][0]
    groups = [[conditions[0]]]
    for word, condition in zip(words, conditions[1:], strict=True):
        text += f" {word} {condition[0]}"
        if word == "or":
            groups.append([])
        groups[-1].append(condition)

    assert keeps(text, file, capabilities=FILE) is any(all(means(file) for _, means in group) for group in groups)


# --- cost --------------------------------------------------------------------------------------------------------


def test_the_filter_library_is_loaded_by_the_first_filter() -> None:
    script = (
        "import sys; from shared.query.capabilities import FILE; from shared.query.options import parse_query\n"
        "for option, text in ('$top', '5'), ('$filter', 'size eq 5'):\n"
        "    parse_query([(option, text)], capabilities=FILE, allowed={option})\n"
        "    print(option, 'odata_query' in sys.modules)\n"
    )

    run = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, check=False, text=True)

    assert (run.stdout, run.stderr) == ("$top False\n$filter True\n", "")


def test_a_name_is_found_in_both_unicode_forms() -> None:
    values = APRIL | {"name": "Zug\u00e4nge.csv"}

    for name in ("Zug\u00e4nge.csv", "Zuga\u0308nge.csv"):
        assert keeps(f"name eq '{name}'", values, capabilities=FILE)
