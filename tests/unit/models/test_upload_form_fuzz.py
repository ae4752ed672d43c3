"""The form parser on random input: it accepts or refuses, independent of how the bytes are split into chunks."""

from hypothesis import assume, example, given
from hypothesis import strategies as st

from shared.core.errors import BODY_TOO_LARGE, GraphError
from shared.models.upload_form import FormFile

CONTENT_TYPE = "multipart/form-data; boundary=b"
GOOD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nx,y\r\n1,2\r\n\r\n--b--\r\n'


def form(content: bytes) -> bytes:
    """A good form of a file."""
    return GOOD.replace(b"x,y\r\n1,2\r\n", content)


# What forms are made of, and what nearly looks like it.
PIECES = st.sampled_from(
    [
        *(b"--b", b"--b--", b"--", b"-", b"b", b"\r\n", b"\r", b"\n", b"\r\n--b", b"\r\n--b--\r\n", b"\r\n\r\n"),
        *(b"--b\r\n", b" ", b":", b";", b'"', b"\\", b"\0", b"\xff", b"x" * 90, b"\r\n" * 40),
        *(b"Content-Disposition: form-data", b'; name="file"', b'; filename="a.csv"', b"; filename*=UTF-8''b.csv"),
        *(b'; name="other"', b'; filename="', b"; filename*0=c; filename*1=d", b"Content-Type: text/csv", b"X: y"),
    ]
)
MADE = st.lists(PIECES | st.binary(max_size=8), max_size=25).map(b"".join)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good body in which something was put in, taken away, doubled or changed, up to four times."""
    body = GOOD
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        end = draw(st.integers(start, min(len(body), start + 20)))
        between = draw(st.sampled_from([b"", body[start:end] * 2]) | PIECES | st.binary(max_size=6))
        body = body[:start] + between + body[end:]
    return body


def outcome(pieces: list[bytes], max_form_bytes: int = 64 * 1024) -> tuple[object, ...]:
    """The file's name and bytes, or the error; nothing else may come of it."""
    form = FormFile(CONTENT_TYPE, max_form_bytes=max_form_bytes)
    content = b""
    try:
        for piece in pieces:
            content += b"".join(form.feed(piece))
        return form.close(), content
    except GraphError as error:
        return error.problem, error.message, error.target


@given(MADE | mutated())
@example(GOOD)
@example(GOOD * 2)
@example(b"\r\n" + GOOD + b"epilogue")
@example(GOOD[:-2])
def test_any_body_fares_the_same_wherever_it_is_cut(body: bytes) -> None:
    whole = outcome([body])

    assert outcome([body[at : at + 1] for at in range(len(body))]) == whole
    for at in range(1, len(body)):
        assert outcome([body[:at], body[at:]]) == whole


@given(st.binary(min_size=1, max_size=300) | MADE, st.integers(1, 64))
def test_a_file_comes_out_as_it_went_in(content: bytes, piece: int) -> None:
    assume(b"\r\n--b" not in b"\r\n" + content)
    body = form(content)

    assert outcome([body[at : at + piece] for at in range(0, len(body), piece)]) == ("a.csv", content)


@given(
    st.binary(max_size=200) | MADE, st.integers(0, 60), st.binary(max_size=60), st.integers(80, 200), st.integers(1, 50)
)
def test_so_much_may_stand_beside_the_file_and_not_a_byte_more(
    content: bytes, line_breaks: int, epilogue: bytes, limit: int, piece: int
) -> None:
    assume(b"\r\n--b" not in b"\r\n" + content)
    body = b"\n" * line_breaks + form(content) + epilogue
    came = outcome([body[at : at + piece] for at in range(0, len(body), piece)], limit)

    if len(body) - len(content) <= limit:
        assert came == ("a.csv", content)
    else:
        assert came[0] is BODY_TOO_LARGE


@given(MADE | mutated())
def test_nothing_goes_on_without_end_beside_the_file(body: bytes) -> None:
    """Whatever is sent again and again: it is refused, or it is the file's."""
    form_file = FormFile(CONTENT_TYPE, max_form_bytes=10_000)
    piece = (body or b"x") * (4096 // max(1, len(body)) + 1)
    beside = of_the_file = 0
    try:
        while of_the_file < 100_000:
            taken = sum(map(len, form_file.feed(piece)))
            of_the_file += taken
            beside += len(piece) - taken
            assert beside <= 10_000
    except GraphError:
        pass
