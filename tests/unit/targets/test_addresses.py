"""Which addresses an outgoing request may go to."""

import socket

import pytest
from aiohttp.abc import ResolveResult

from shared.core.settings import Settings
from shared.targets.addresses import ForbiddenAddressError, PublicResolver, check_url


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.contoso.com/events",
        "https://93.184.215.14/events",
        "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/",
        "http://127.0.0.1:8080/events",
        "http://localhost:8080/events",
        "https://intranet.contoso.com/events",
        "https://10.1.2.3/events",
    ],
)
def test_public_addresses_loopback_and_allowed_hosts_may_be_used(url: str) -> None:
    check_url(url, {"intranet.contoso.com", "10.1.2.3"})


def test_an_allowed_host_is_recognized_in_any_case() -> None:
    config = Settings.model_validate({"events_allowed_hosts": "Intranet.Contoso.com, FD00::1"})
    for url in ("https://INTRANET.contoso.com/events", "https://[fd00::1]/events"):
        check_url(url, config.events_allowed_hosts)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.contoso.com/events",
        "ftp://hooks.contoso.com/events",
        "https://10.1.2.3/events",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://169.254.169.254/metadata/identity",
        "https://[fd00:ec2::254]/",
        "https://[fe80::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://[64:ff9b::a9fe:a9fe]/",
        "https://[64:ff9b:1::10.0.0.1]/",
        "https://[2002:a9fe:a9fe::1]/",
        "https://[::10.0.0.1]/",
        "https://[::1]:443@hooks.contoso.com/",
        "https://127.1/",
        "https://2852039166/",
        "https://0.0.0.0/",
        "https://100.64.0.1/",
        "https://224.0.0.1/",
        "https://168.63.129.16/",
        "https://[::ffff:168.63.129.16]/",
        "https://[fec0::1]/",
        "https://user:password@hooks.contoso.com/",
    ],
)
def test_addresses_that_are_not_public_are_refused(url: str) -> None:
    with pytest.raises(ForbiddenAddressError):
        check_url(url, set())


class Scripted:
    """A resolver that answers differently each time, as one does that wants to be connected to something inside."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)

    async def resolve(self, host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
        address = self.answers.pop(0)
        return [ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        pass


async def test_a_name_that_changes_its_mind_is_refused_when_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = PublicResolver(set())
    monkeypatch.setattr(resolver, "_resolver", Scripted("93.184.215.14", "169.254.169.254", "10.0.0.1"))
    assert (await resolver.resolve("hooks.contoso.com"))[0]["host"] == "93.184.215.14"
    for _ in range(2):
        with pytest.raises(ForbiddenAddressError):
            await resolver.resolve("hooks.contoso.com")


async def test_an_allowed_name_may_be_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = PublicResolver({"intranet.contoso.com"})
    monkeypatch.setattr(resolver, "_resolver", Scripted("10.0.0.1"))
    assert (await resolver.resolve("intranet.contoso.com"))[0]["host"] == "10.0.0.1"
