"""Forms that another parser might read differently: they have one meaning, or are refused."""

import base64
import quopri
from collections.abc import Callable

import pytest

from shared.core.errors import BODY_TOO_LARGE, INVALID_REQUEST, UNSUPPORTED_MEDIA_TYPE, GraphError
from shared.models.upload_form import FormFile

DISPOSITION = b'form-data; name="file"; filename="a.csv"'


def read(boundary: bytes, content_type: str, *headers: bytes) -> tuple[str, bytes]:
    """The name and the bytes of a file in a form with this boundary, which this content type announces."""
    lines = b"\r\n".join(headers or (b"Content-Disposition: " + DISPOSITION,))
    form = FormFile(content_type)
    content = b"".join(form.feed(b"--%b\r\n%b\r\n\r\nx,y\r\n--%b--\r\n" % (boundary, lines, boundary)))
    return form.close(), content


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=b", b"b"),
        ("Multipart/Form-Data;BOUNDARY=b; charset=utf-8", b"b"),
        ("multipart/form-data; boundary= b  ", b"b"),
        ('multipart/form-data; boundary="a b"', b"a b"),
        ('multipart/form-data; boundary="a; boundary=c"', b"a; boundary=c"),
        ('multipart/form-data; boundary="a\\"b"', b'a"b'),
        ("multipart/form-data; boundary=-", b"-"),
        ("multipart/form-data; boundary=" + "x" * 70, b"x" * 70),
    ],
)
def test_valid_boundaries_are_accepted(content_type: str, boundary: bytes) -> None:
    assert read(boundary, content_type) == ("a.csv", b"x,y")


@pytest.mark.parametrize(
    "parameters",
    [
        "boundary=b; boundary=c",
        "boundary =c; boundary=b",
        "boundary\t=c;BOUNDARY=b",
        "boundary=b; boundary*=utf-8''c",
        "boundary=b; boundary*0*=c",
        "boundary=b, multipart/form-data; boundary=c",
        'x="y"; boundary="b"; boundary=b',
        "boundary*=utf-8''b",
        "boundary*0=b",
        "boundary=" + "b" * 71,
        "boundary=",
        'boundary=""',
        "bound=b",
        "",
    ],
)
def test_ambiguous_boundaries_are_refused(parameters: str) -> None:
    with pytest.raises(GraphError) as refused:
        read(b"b", f"multipart/form-data; {parameters}")
    assert refused.value.problem is UNSUPPORTED_MEDIA_TYPE


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (b"form-data; filename=a.csv; name=file", "a.csv"),
        (b"Form-Data ; NAME=file ; FILENAME=a.csv", "a.csv"),
        (b'form-data; name="file"; filename="a; filename=b.csv"', "a; filename=b.csv"),
        (b'form-data; name="file"; filename="a\\"; name=\\"b.csv"', 'a"; name="b.csv'),
        (b"form-data; name=file; filename=a.csv; filename*=utf-8''a.csv", "a.csv"),
    ],
)
def test_valid_names_are_accepted(disposition: bytes, name: str) -> None:
    assert read(b"b", "multipart/form-data; boundary=b", b"Content-Disposition: " + disposition)[0] == name


@pytest.mark.parametrize(
    "headers",
    [
        [b'Content-Disposition: form-data; name="file"; filename="a.csv"; filename="b.csv"'],
        [b'Content-Disposition: form-data; name="file"; filename="a.csv"; FileName =b.csv'],
        [b'Content-Disposition: form-data; name="x"; name="file"; filename="a.csv"'],
        [b"Content-Disposition: " + DISPOSITION, b"Content-Disposition: " + DISPOSITION],
        [b'content-disposition: form-data; name="x"', b"Content-Disposition: " + DISPOSITION],
        [b"Content-Disposition: form-data; name=file; filename*=utf-8''a.csv; FILENAME*=utf-8''b.csv"],
        [b"Content-Disposition: form-data; name=file; filename*=utf-8''b.csv; filename=a.csv"],
        [b'Content-Disposition: form-data; name="file" filename="a.csv"'],
        [b'Content-Disposition: form-data; name="file"; filename="a"b.csv"'],
        [
            b"Content-Disposition: " + DISPOSITION,
            b"Content-Transfer-Encoding: 8bit",
            b"content-transfer-encoding: base64",
        ],
    ],
)
def test_ambiguous_names_are_refused(headers: list[bytes]) -> None:
    with pytest.raises(GraphError) as refused:
        read(b"b", "multipart/form-data; boundary=b", *headers)
    assert refused.value.problem is INVALID_REQUEST


FORM = b"--b\r\nContent-Disposition: " + DISPOSITION + b"\r\n\r\nx,y\r\n--b--\r\n"


def refusal(body: bytes, content_type: str = "multipart/form-data; boundary=b", piece: int = 1000) -> GraphError:
    """The error for a form, which is fed in pieces."""

    def whole() -> None:
        form = FormFile(content_type)
        for start in range(0, len(body), piece):
            form.feed(body[start : start + piece])
        form.close()

    with pytest.raises(GraphError) as refused:
        whole()
    return refused.value


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(FORM.replace(b"\r\n", b"\n"), "The lines of the form end with LF.", id="lf"),
        pytest.param(FORM.replace(b"\r\n", b"\n", 1), "The lines of the form end with LF.", id="lf-once"),
        pytest.param(
            FORM.replace(b'csv"\r\n\r\n', b'csv"\n\n'), "The lines of the form end with LF.", id="lf-of-header"
        ),
        pytest.param(FORM.replace(b"\r\n", b"\r"), "The lines of the form end with CR.", id="cr"),
        pytest.param(
            FORM.replace(b"y\r\n--", b"y\n--"), "closing boundary '--b--' there must be a line break", id="lf-at-end"
        ),
        pytest.param(FORM.replace(b"--b", b"--c"), "begins with '--c', and by the header Content-Type", id="boundary"),
        pytest.param(FORM.replace(b"--b", b"--bc"), "begins with '--bc', and by the header Content-Type", id="longer"),
        pytest.param(FORM.replace(b"--b--", b"--c--"), "ends with '--c--', and by the header", id="other-at-end"),
        pytest.param(FORM.replace(b"--b", b"b", 1), "Two dashes must be before it: '--b'", id="without-dashes"),
        pytest.param(
            FORM.replace(b"--b--", b"--b"), "does not close the form. The last one must be '--b--'", id="last"
        ),
        pytest.param(FORM[:-10], "ends before its closing boundary '--b--': it was cut off", id="cut-in-the-file"),
        pytest.param(FORM[:30], "The body ends within the headers of its part", id="cut-in-a-header"),
        pytest.param(b"--b", "The body ends after its first boundary", id="cut-in-the-boundary"),
        pytest.param(
            FORM.replace(b"\r\n\r\n", b"\r\n"), "The line 'x,y' after the boundary is not a header", id="no-empty-line"
        ),
        pytest.param(FORM.replace(b"Content-Disposition:", b""), "is not a header", id="no-colon"),
        pytest.param(b"principalId,principalType\r\na,b\r\n", "begins with 'principalId,principalType'", id="csv"),
        pytest.param(FORM.decode().encode("utf-16"), "The body is UTF-16 text", id="utf-16"),
        pytest.param(b"", "The body is empty", id="empty"),
        pytest.param(b"--b--\r\n", "The form has no part", id="no-part"),
        pytest.param(FORM.replace(b"C", b"X: y\r\n" * 8 + b"C", 1), "more than 8 headers", id="many-headers"),
        pytest.param(
            FORM.replace(b"C", b"X: " + b"y" * 5000 + b"\r\nC", 1), "has more than 4096 bytes", id="long-header"
        ),
        pytest.param(b"--b\r\n" + b"X: y\r\n " * 20_000, "has more than 4096 bytes", id="endless-header"),
        pytest.param(FORM[:-7] + FORM, "a second part, named 'file' with the file 'a.csv'", id="two-files"),
        pytest.param(
            FORM.replace(b"form-data;", b"form-data; name=relativePath; x"), "cannot be read", id="not-readable"
        ),
        pytest.param(
            FORM.replace(b'name="file"', b"name=relativePath"), "a part named 'relativePath'", id="other-part"
        ),
        pytest.param(FORM.replace(b'; filename="a.csv"', b""), "has no filename, so that it is text", id="no-file"),
    ],
)
@pytest.mark.parametrize("piece", [1, 1000])
def test_a_form_that_cannot_be_read_says_why(body: bytes, reason: str, piece: int) -> None:
    error = refusal(body, piece=piece)

    assert error.problem is INVALID_REQUEST
    assert reason in error.message


@pytest.mark.parametrize(
    ("content_type", "reason"),
    [
        ("multipart/form-data", "has no boundary"),
        ("multipart/form-data; charset=utf-8", "has no boundary"),
        ("multipart/form-data; boundary=b; boundary=c", "must be there once"),
        ("application/json", "not 'application/json'"),
        ("text/csv", "-Form @{file = Get-Item ./access.csv}"),
        ("", "Send the file as a form"),
    ],
)
def test_a_content_type_that_cannot_be_used_says_why(content_type: str, reason: str) -> None:
    error = refusal(FORM, content_type)

    assert error.problem is UNSUPPORTED_MEDIA_TYPE
    assert reason in error.message


def test_header_lines_may_be_folded() -> None:
    folded = b'Content-Disposition: form-data;\r\n name="file";\r\n\tfilename="a.csv"'

    assert read(b"b", "multipart/form-data; boundary=b", folded, b"Content-Type:\r\n text/csv") == ("a.csv", b"x,y")


@pytest.mark.parametrize("before", [b"\r\n", b"\xef\xbb\xbf", b"\r\n\xef\xbb\xbf\r\n"])
def test_what_clients_send_before_the_form_is_left_out(before: bytes) -> None:
    form = FormFile("multipart/form-data; boundary=b")
    content = b"".join(piece for byte in before + FORM for piece in form.feed(bytes([byte])))

    assert (form.close(), content) == ("a.csv", b"x,y")


CONTENT = b"principalId,name\r\n1,K\xc3\xbcche = 2\r\n" * 20


def quoted_printable(content: bytes) -> bytes:
    """Each line encoded, and the long ones broken."""
    return b"".join(quopri.encodestring(line).replace(b"\n", b"\r\n") + b"\r\n" for line in content.splitlines())


ENCODED = [
    ("base64", base64.b64encode, "base64"),
    ("base64-in-lines", lambda content: base64.encodebytes(content).replace(b"\n", b"\r\n"), "Base64"),
    ("quoted-printable", quoted_printable, "quoted-printable"),
    ("soft-break-at-the-end", lambda content: quoted_printable(content) + b"=", "quoted-printable"),
    ("soft-break-lf", lambda content: quoted_printable(content).replace(b"=\r\n", b"=\n"), "quoted-printable"),
    ("binary", bytes, "binary"),
]


@pytest.mark.parametrize(("encode", "encoding"), [pytest.param(*rest, id=name) for name, *rest in ENCODED])
@pytest.mark.parametrize("piece", [1, 2, 3, 1000])
def test_an_encoded_part_is_decoded(encode: Callable[[bytes], bytes], encoding: str, piece: int) -> None:
    head = b"--b\r\nContent-Transfer-Encoding: %b\r\nContent-Disposition: %b\r\n\r\n" % (encoding.encode(), DISPOSITION)
    body = head + encode(CONTENT) + b"\r\n--b--"
    form = FormFile("multipart/form-data; boundary=b", max_form_bytes=len(head) + 100)

    content = b"".join(each for start in range(0, len(body), piece) for each in form.feed(body[start : start + piece]))

    assert (form.close(), content) == ("a.csv", CONTENT)


@pytest.mark.parametrize(
    ("encoding", "content", "reason"),
    [
        ("base64", b"x,y", "not valid base64"),
        ("base64", b"eCx5Cg", "not valid base64"),
        ("base64", b"eA==eA==", "not valid base64"),
        ("base64", b"eA==\r\neCx5", "not valid base64"),
        ("base64", b"eCx5Cg==-", "not valid base64"),
        ("quoted-printable", b"x=y", "not valid quoted-printable"),
        ("quoted-printable", b"x=3", "not valid quoted-printable"),
        ("quoted-printable", b"x==3D", "not valid quoted-printable"),
        ("x-uuencode", b"x,y", "'Content-Transfer-Encoding: x-uuencode'. Supported: base64, quoted-printable"),
    ],
)
@pytest.mark.parametrize("piece", [1, 1000])
def test_a_part_that_cannot_be_decoded_names_the_header(encoding: str, content: bytes, reason: str, piece: int) -> None:
    header = b"Content-Transfer-Encoding: " + encoding.encode() + b"\r\nC"

    error = refusal(FORM.replace(b"C", header, 1).replace(b"x,y", content), piece=piece)

    assert error.problem is INVALID_REQUEST
    assert reason in error.message


def test_an_encoding_does_not_let_a_form_grow_without_limit() -> None:
    header = b"Content-Transfer-Encoding: base64\r\nC"
    body = FORM.replace(b"C", header, 1).replace(b"x,y", b"eCx5" + b"\r\n" * 40_000)

    assert refusal(body).problem is BODY_TOO_LARGE
