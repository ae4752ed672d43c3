"""Certificates of one's own: trusted where they are named, and a fault of one is said at once."""

from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.client.certificates import Authority
from tests.client.command import Command
from tests.client.forwarding import ForwardingHandler, running
from tests.support.client import Resource


@pytest.fixture
def certified(tmp_path: Path) -> Authority:
    """An authority that no system knows."""
    return Authority(tmp_path)


def in_front(resource: Resource, certified: Authority, *how: object, **more: bool) -> AbstractContextManager[str]:
    """The service behind TLS."""

    class Passing(ForwardingHandler):
        """Changes nothing."""

        upstream = str(resource.http.base_url)

        def serve(self) -> None:
            answer = self.forward(b"".join(self.pieces()))
            self.start_answer(answer)
            self.wfile.write(answer[2])

    return running(Passing, certified.server(*how, **more))  # type: ignore[arg-type]


def check_said_at_once(accup: Command, url: str, *words: str, code: int = 6) -> None:
    ran = accup.using(ACCUP_URL=url)("list", "--debug", "--json")
    assert ran.code == code, ran.err
    for word in words:
        assert word in ran.json["error"]["message"]
    assert "retry in" not in ran.err


@pytest.mark.parametrize("variable", ["ACCUP_CA_CERT", "SSL_CERT_FILE"])
def test_an_authority_that_is_named_is_trusted(
    accup: Command, resource: Resource, certified: Authority, variable: str
) -> None:
    with in_front(resource, certified, "localhost") as url:
        check_said_at_once(accup, url, "The certificate of localhost is not accepted", "--ca-cert FILE")
        ran = accup.using(ACCUP_URL=url, **{variable: str(certified.file)})("list")
        assert ran.code == 0, ran.err


@pytest.mark.parametrize(
    ("how", "words"), [(("localhost", -1), "expired"), (("uploads.contoso.com",), "mismatch")], ids=["old", "other"]
)
def test_a_certificate_that_is_not_good_is_not_tried_again(
    accup: Command, resource: Resource, certified: Authority, how: tuple[object, ...], words: str
) -> None:
    with in_front(resource, certified, *how) as url:
        check_said_at_once(accup.using(ACCUP_CA_CERT=str(certified.file)), url, words, "Check --url")


def test_a_service_that_wants_a_certificate_gets_ours(accup: Command, resource: Resource, certified: Authority) -> None:
    trusting = accup.using(ACCUP_CA_CERT=str(certified.file))
    with in_front(resource, certified, "localhost", asks=True) as url:
        check_said_at_once(trusting, url, "--client-cert FILE")
        ran = trusting.using(ACCUP_URL=url, ACCUP_CLIENT_CERT=str(certified.issue("ana")))("list")
        assert ran.code == 0, ran.err


def test_tls_where_there_is_none_is_said_at_once(accup: Command) -> None:
    url = str(accup.environment["ACCUP_URL"]).replace("http://", "https://")
    check_said_at_once(accup, url, "does not speak TLS", "Check --url")


@pytest.mark.parametrize("variable", ["ACCUP_CA_CERT", "ACCUP_CLIENT_CERT"])
def test_a_file_that_is_no_certificate_is_named(accup: Command, tmp_path: Path, variable: str) -> None:
    file = tmp_path / "none.pem"
    file.write_text("nonsense")
    check_said_at_once(accup.using(**{variable: str(file)}), "https://localhost:1", str(file), "PEM", code=2)
    missing = accup.using(**{variable: str(tmp_path / "missing.pem")})
    assert missing("list").code == 2
