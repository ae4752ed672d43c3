"""Names of files as clients send them: what is stored is the name that the person gave."""

import base64
import unicodedata
from email.mime.text import MIMEText
from urllib.parse import quote

import pytest

from shared.core.errors import INVALID_REQUEST, GraphError
from shared.models.file_names import attachment, file_disposition, file_name, parameters_of

NAMES = ["Zugänge.csv", "Доступы-склад.csv", "出入.csv", "crm access.csv", "Zugänge 50%.csv", "ä" * 100]


def name_in(disposition: str | bytes) -> str:
    """The name in a header ``Content-Disposition``."""
    header = disposition if isinstance(disposition, bytes) else disposition.encode()
    found = parameters_of(header)
    assert found is not None
    return file_name(found[1])


def encoded_word(name: str) -> str:
    """What .NET makes of a name outside ASCII (RFC 2047)."""
    return f"=?utf-8?B?{base64.b64encode(name.encode()).decode()}?="


@pytest.mark.parametrize("name", NAMES)
def test_dotnet(name: str) -> None:
    plain = name if name.isascii() else encoded_word(name)

    assert name_in(f"form-data; name=file; filename=\"{plain}\"; filename*=utf-8''{quote(name)}") == name


@pytest.mark.parametrize("name", NAMES)
def test_aiohttp(name: str) -> None:
    percent = quote(name, safe="")

    assert name_in(f'form-data; name="file"; filename="{percent}"') == name
    assert name_in(f'form-data; name="file"; filename="{percent}"; filename*=utf-8\'\'{percent}') == name


@pytest.mark.parametrize("name", [*NAMES, "it's (new) 50%!.csv"])
def test_javascripts_encode_uri_component(name: str) -> None:
    encoded = quote(name, safe="!'()*")

    assert name_in(f'form-data; name="file"; filename="{encoded}"') == name


@pytest.mark.parametrize("name", NAMES)
def test_old_requests(name: str) -> None:
    assert name_in(f"form-data; name=\"file\"; filename*=utf-8''{quote(name)}") == name


@pytest.mark.parametrize("name", [*NAMES, "Zugänge " * 20 + ".csv"])
def test_pythons_email_package(name: str) -> None:
    part = MIMEText("", "csv")
    part.add_header("Content-Disposition", "form-data", name="file")
    part.set_param("filename", name, header="Content-Disposition")

    assert name_in(str(part["Content-Disposition"])) == name


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ('filename*0="Zug"; filename*1="range.csv"', "Zugrange.csv"),
        ("filename*0*=utf-8''Zug%C3; filename*1*=%A4nge; filename*2=\" 50%20.csv\"", "Zugänge 50%20.csv"),
        ("filename*=ISO-8859-1'de'Zug%E4nge.csv", "Zugänge.csv"),
        ("filename*=\"UTF-8''Zug%C3%A4nge.csv\"", "Zugänge.csv"),
        ('filename="=?utf-8?Q?Zug=C3=A4nge.csv?="', "Zugänge.csv"),
        (f'filename="{encoded_word("Zugänge")} {encoded_word(" Süd.csv")}"', "Zugänge Süd.csv"),
        # What a charset cannot write is a question mark there.
        ("filename=\"Zug?nge.csv\"; filename*=UTF-8''Zug%C3%A4nge.csv", "Zugänge.csv"),
    ],
)
def test_what_else_is_unambiguous(parameters: str, name: str) -> None:
    assert name_in(f"form-data; name=file; {parameters}") == name


def test_a_name_in_latin_1_is_read_where_filename_star_tells_it() -> None:
    header = "form-data; name=file; filename=\"Zugänge.csv\"; filename*=UTF-8''Zug%C3%A4nge.csv"

    assert name_in(header.encode("latin-1")) == "Zugänge.csv"
    with pytest.raises(GraphError, match=r"filename .* is not UTF-8"):
        name_in(header.partition("; filename*")[0].encode("latin-1"))


def test_browsers_write_a_quote_as_22() -> None:
    assert name_in('form-data; name="file"; filename="say %22hi%22 Zugänge.csv"') == 'say "hi" Zugänge.csv'


@pytest.mark.parametrize(
    "name",
    [
        *(
            "100%.csv",
            "50%20 off.csv",
            "a%zz.csv",
            "Zugänge%20.csv",
            "%E4.csv",
            "%41.csv",
            "a%2ecsv",
            "=?x?B?WnVn?=.csv",
        ),
        *("=?no-charset?B?WnVn?=", "=?utf-8?Q?a", "a;b='c' & d.csv"),
    ],
)
def test_what_only_looks_like_an_encoding_stays(name: str) -> None:
    assert name_in(f'form-data; name="file"; filename="{name}"') == name


def test_a_name_has_one_unicode_form() -> None:
    apart = unicodedata.normalize("NFD", "Zugänge.csv")

    assert name_in(f'form-data; name="file"; filename="{apart}"') == "Zugänge.csv"
    assert (
        name_in(f"form-data; name=file; filename=\"{apart}\"; filename*=utf-8''{quote('Zugänge.csv')}") == "Zugänge.csv"
    )
    # The limit is one of letters as they are stored.
    assert name_in(f'form-data; name="file"; filename="{unicodedata.normalize("NFD", "ä" * 255)}"') == "ä" * 255


@pytest.mark.parametrize(
    "parameters",
    [
        "filename=a.csv; filename*=utf-8''b.csv",
        "filename=\"a%20b.csv\"; filename*=utf-8''a-b.csv",
        f"filename=\"{encoded_word('a.csv')}\"; filename*=utf-8''b.csv",
    ],
)
def test_two_names_are_refused_and_both_are_told(parameters: str) -> None:
    with pytest.raises(GraphError) as refused:
        name_in(f"form-data; name=file; {parameters}")

    assert refused.value.problem is INVALID_REQUEST
    assert refused.value.target == "filename"
    assert "filename is '" in refused.value.message
    assert "filename* is '" in refused.value.message


@pytest.mark.parametrize(
    "parameters",
    [
        *("filename*=utf-8''%FF", "filename*=utf-16''a.csv", "filename*=a.csv", "filename*=utf-8''"),
        *("filename*=utf-8''..%2Fa.csv", "filename=..%2Fa.csv", f'filename="{encoded_word("../a.csv")}"'),
        *('filename="C:\\a.csv"', 'filename="\\\\server\\a.csv"', "filename*=utf-8''a%0A.csv", "filename=a%00.csv"),
        *("filename=", 'filename=""', "other=a", f'filename="{encoded_word("x" * 256)}"'),
    ],
)
def test_what_cannot_be_a_name_is_refused_in_every_encoding(parameters: str) -> None:
    with pytest.raises(GraphError) as refused:
        name_in(f"form-data; name=file; {parameters}")

    assert refused.value.problem is INVALID_REQUEST
    assert refused.value.target == "filename"


@pytest.mark.parametrize(
    "name", [*NAMES, "a.csv", "crm%20access.csv", 'say "hi".csv', "100%25.csv", "%22.csv", "a;b='c'.csv"]
)
def test_a_name_that_we_send_or_offer_comes_back_as_it_is(name: str) -> None:
    assert name_in(f'form-data; name="file"; {file_disposition(name)}') == name
    assert name_in(attachment(name)) == name
    attachment(name).encode("ascii")
