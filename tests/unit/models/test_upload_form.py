"""Forms that another parser might read differently: they have one meaning, or are refused."""

import pytest

from shared.core.errors import INVALID_REQUEST, UNSUPPORTED_MEDIA_TYPE, GraphError
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
        # What .NET sends.
        (b"form-data; name=file; filename=a.csv; filename*=utf-8''a.csv", "a.csv"),
        (b"form-data; name=file; filename*=utf-8''b.csv; filename=a.csv", "a.csv"),
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
        [b"Content-Disposition: form-data; name=\"file\"; filename*=utf-8''a.csv"],
        [b'Content-Disposition: form-data; name="file"; filename*0="a"; filename*1=".csv"'],
    ],
)
def test_ambiguous_names_are_refused(headers: list[bytes]) -> None:
    with pytest.raises(GraphError) as refused:
        read(b"b", "multipart/form-data; boundary=b", *headers)
    assert refused.value.problem is INVALID_REQUEST
