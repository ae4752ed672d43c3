"""Authentication: valid and invalid tokens, signing keys, and permissions for the whole tenant."""

import asyncio
import base64
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from azure.functions import HttpMethod
from azure.functions.decorators.http import HttpTrigger

from tests.support.access_files import access_file_of
from tests.support.authority import (
    APP_ID_URI,
    CLIENT_ID,
    READ_ALL,
    READ_WRITE_ALL,
    Authority,
    encode,
    rsa_key,
    running_authority,
    sign,
    signed_with_the_public_key,
    unsigned,
)
from tests.support.client import (
    NO_TLS,
    V1,
    Paths,
    Resource,
    Session,
    as_object,
    assert_error,
    check_every_answer,
    every_path,
    http_client,
    multipart,
    part,
)
from tests.support.invariants import Storage
from tests.support.registered import functions
from tests.support.service import running_service
from tests.support.wire import chunk, connection, exchange, head, host_answer, send_until_refused, upload_head

Mint = Callable[[Authority], str]


def any_list() -> str:
    """The path of a list that everybody who may read may read."""
    with httpx.Client(verify=NO_TLS) as nobody:
        return Resource(nobody).path


def ask(service: str, *authorization: str) -> httpx.Response:
    """Read a list, with these Authorization headers."""
    headers = [("Authorization", each) for each in authorization]
    answer = httpx.get(f"{service}{any_list()}", headers=headers, timeout=60, verify=NO_TLS)
    check_every_answer(answer)
    return answer


@pytest.fixture
def lonely() -> Iterator[Authority]:
    """An authority of one test."""
    with running_authority() as running:
        yield running


# Good tokens


@pytest.mark.parametrize(
    "mint",
    [
        lambda authority: authority.token(2),
        lambda authority: authority.token(1),
        lambda authority: authority.token(1, aud=CLIENT_ID),
        lambda authority: authority.token(2, aud=[APP_ID_URI]),
        lambda authority: authority.token(roles=[READ_ALL]),
        lambda authority: authority.token(roles=["Something.Else", READ_ALL]),
        lambda authority: authority.token(roles=[READ_ALL], scp=READ_ALL),
        lambda authority: authority.token(1, roles=[READ_WRITE_ALL], scp=f"openid {READ_WRITE_ALL}"),
        lambda authority: authority.token(nbf=None, iat=None),
        lambda authority: authority.token(exp=int(time.time()) - 30),
        lambda authority: authority.token(nbf=int(time.time()) + 30),
        lambda authority: authority.token(tid=authority.tenant_id.upper()),
        lambda authority: authority.token(groups=[str(uuid4()) for _ in range(200)]),
    ],
    ids=[
        *("v2", "v1", "v1 for the client id", "a list of audiences", "read role", "several roles", "a user's"),
        *("a user's of v1", "without nbf", "within the leeway of exp", "within the leeway of nbf", "tid in capitals"),
        "200 groups",
    ],
)
def test_a_valid_token_is_accepted(guarded: str, authority: Authority, mint: Mint) -> None:
    assert ask(guarded, f"Bearer {mint(authority)}").status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_case_insensitive(guarded: str, authority: Authority, scheme: str) -> None:
    assert ask(guarded, f"{scheme} {authority.token()}").status_code == 200


# Bad ones


def _changed_signature(authority: Authority) -> str:
    head, claims, signature = authority.token().split(".")
    return f"{head}.{claims}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


def _changed_claims(authority: Authority) -> str:
    head, _, signature = authority.token(roles=[READ_ALL]).split(".")
    return f"{head}.{encode(authority.claims())}.{signature}"


BAD_TOKENS: dict[str, Mint] = {
    "no algorithm": lambda authority: unsigned(authority.claims()) + "AAAA",
    "no signature": lambda authority: unsigned(authority.claims(), "RS256"),
    "None": lambda authority: unsigned(authority.claims(), "None") + "AAAA",
    "HS256 with the public key": lambda authority: signed_with_the_public_key(authority.claims()),
    "PS256": lambda authority: f"{encode({'alg': 'PS256', 'kid': 'first'})}.{encode(authority.claims())}.AAAA",
    "another algorithm's name": lambda authority: sign(authority.claims(), header={"alg": "RS384"}),
    "changed signature": _changed_signature,
    "changed claims": _changed_claims,
    "another key under the known id": lambda authority: sign(authority.claims(), key=rsa_key("stranger")),
    "no key id": lambda authority: sign(authority.claims(), header={"kid": None}),
    "an unknown critical header": lambda authority: sign(authority.claims(), header={"crit": ["x"], "x": 1}),
    "another tenant's tid": lambda authority: authority.token(tid=str(uuid4())),
    "no tid": lambda authority: authority.token(tid=None),
    "another tenant's issuer": lambda authority: authority.token(iss=f"{authority.url}/{uuid4()}/v2.0"),
    "v1 issuer without its slash": lambda authority: authority.token(
        1, iss=f"https://sts.windows.net/{authority.tenant_id}"
    ),
    "Google's issuer": lambda authority: authority.token(iss="https://accounts.google.com"),
    "no issuer": lambda authority: authority.token(iss=None),
    "another audience": lambda authority: authority.token(aud=str(uuid4())),
    "the audience with more behind it": lambda authority: authority.token(aud=f"{APP_ID_URI}/.default"),
    "Graph's id": lambda authority: authority.token(aud="00000003-0000-0000-c000-000000000000"),
    "Graph's URL": lambda authority: authority.token(1, aud="https://graph.microsoft.com"),
    "no audience": lambda authority: authority.token(aud=None),
    "expired": lambda authority: authority.token(exp=int(time.time()) - 120),
    "not yet": lambda authority: authority.token(nbf=int(time.time()) + 120),
    "issued in future": lambda authority: authority.token(iat=int(time.time()) + 3600),
    "no exp": lambda authority: authority.token(exp=None),
    "exp is no number": lambda authority: authority.token(exp="tomorrow"),
    "exp is endless": lambda authority: authority.token(exp=float("inf")),
    "exp is no number at all": lambda authority: authority.token(exp=float("nan")),
    "an id token": lambda authority: authority.token(azp=None),
    "no oid": lambda authority: authority.token(oid=None),
    "oid is a name": lambda authority: authority.token(oid="ada@contoso.com"),
    "claims are a list": lambda authority: f"{authority.token().split('.')[0]}.{encode([1])}.AAAA",
    "garbage": lambda _: "garbage",
    "three times garbage": lambda _: "a.b.c",
    "only dots": lambda _: "..",
    "five parts": lambda authority: authority.token() + ".a.b",
    "two tokens": lambda authority: f"{authority.token()} {authority.token()}",
    "with a comma": lambda authority: f"{authority.token()}, Bearer {authority.token()}",
    "a deep header": lambda _: f"{encode(b'[' * 20_000)}.{encode({})}.AAAA",
    "a header that is a list": lambda _: f"{encode([])}.{encode({})}.AAAA",
    "a header that is no text": lambda _: f"{encode(bytes(range(128, 255)))}.{encode({})}.AAAA",
    "a key id that is a number": lambda authority: f"{encode({'alg': 'RS256', 'kid': 1})}.{encode({})}.AAAA",
}


UNKNOWN_KEYS: dict[str, Mint] = {
    "unknown key": lambda authority: authority.token(2, "stranger"),
    "a key of its own": lambda authority: sign(
        authority.claims(), header={"jku": "https://evil.example/keys", "x5u": "https://evil.example"}, key_id="own"
    ),
}


@pytest.mark.parametrize("mint", BAD_TOKENS.values(), ids=BAD_TOKENS)
def test_an_invalid_token_is_refused(guarded: str, authority: Authority, mint: Mint) -> None:
    assert_invalid(ask(guarded, f"Bearer {mint(authority)}"), authority)


@pytest.mark.parametrize("searched", UNKNOWN_KEYS)
def test_a_token_with_an_unknown_key_is_refused_and_makes_no_other_one_invalid(
    storage: Storage, lonely: Authority, searched: str
) -> None:
    bad = {name: f"Bearer {mint(lonely)}" for name, mint in UNKNOWN_KEYS.items()}
    (other,) = bad.keys() - {searched}
    with running_service(storage.connection_string, **lonely.settings) as service:
        assert ask(service, f"Bearer {lonely.token()}").status_code == 200
        assert_invalid(ask(service, bad[searched]), lonely)
        lonely.roll("first", "second")

        for not_known in (f"Bearer {lonely.token(2, 'second')}", bad[other]):
            answer = ask(service, not_known)
            assert_error(answer, 503, "serviceNotAvailable")
            assert 0 < int(answer.headers["Retry-After"]) <= 60
        assert_invalid(ask(service, bad[searched]), lonely)
        assert ask(service, f"Bearer {lonely.token()}").status_code == 200

    assert lonely.fetches == 2


def assert_invalid(answer: httpx.Response, authority: Authority) -> None:
    """See that a response is that to an invalid token, with what a client needs to get another one."""
    error = assert_error(answer, 401, "unauthenticated")
    challenge = answer.headers["WWW-Authenticate"]
    assert 'error="invalid_token"' in challenge
    assert f'error_description="{error["message"]}"' in challenge
    assert f'authorization_uri="{authority.url}/{authority.tenant_id}/oauth2/v2.0/authorize"' in challenge
    assert f'scope="{APP_ID_URI}/.default"' in challenge


@pytest.mark.parametrize("claim", ["aud", "iss", "exp", "nbf"])
def test_the_response_says_what_is_wrong_with_the_token(guarded: str, authority: Authority, claim: str) -> None:
    bad = {"aud": "x", "iss": "x", "exp": 1, "nbf": int(time.time()) + 1000}
    said = {"aud": "audience", "iss": "issuer", "exp": "expired", "nbf": "not valid yet"}

    answer = ask(guarded, f"Bearer {authority.token(**{claim: bad[claim]})}")

    assert said[claim] in assert_error(answer, 401, "unauthenticated")["message"]


def test_without_a_token_the_challenge_says_where_to_get_one_and_has_no_error(
    guarded: str, authority: Authority
) -> None:
    answer = ask(guarded)

    assert_error(answer, 401, "unauthenticated")
    challenge = answer.headers["WWW-Authenticate"]
    assert f'authorization_uri="{authority.url}/{authority.tenant_id}/oauth2/v2.0/authorize"' in challenge
    assert f'scope="{APP_ID_URI}/.default"' in challenge
    assert "error" not in challenge


@pytest.mark.parametrize("authorization", ["Basic dXNlcjpwYXNz", "Bearer", "Negotiate", "token"])
def test_another_scheme_is_refused(guarded: str, authorization: str) -> None:
    assert_error(ask(guarded, authorization), 401, "unauthenticated")


def test_two_authorization_headers_are_refused(guarded: str, authority: Authority) -> None:
    """The host joins them with a comma, and no token has one."""
    good = f"Bearer {authority.token()}"

    for pair in ((good, good), (good, "Bearer x"), ("Bearer x", good)):
        assert_error(ask(guarded, *pair), 401, "unauthenticated")


def test_a_huge_token_is_refused_by_the_host(guarded: str, authority: Authority) -> None:
    token = authority.token(padding="x" * 40_000)

    assert host_answer(guarded, [head("GET", any_list(), {"Authorization": f"Bearer {token}"})]) == 431


def test_a_token_in_the_query_is_ignored(guarded: str, authority: Authority) -> None:
    answer = httpx.get(f"{guarded}{any_list()}", params={"access_token": authority.token()})

    assert_error(answer, 401, "unauthenticated")


@pytest.mark.parametrize(
    "path", ["/v1.0", "/beta/users", "/v1.0/$metadata", "/v1.0/uploads", "/beta/uploads/grants/x", "/v1.0/%0A"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_unknown_paths_require_authentication_too(guarded: str, authority: Authority, path: str, method: str) -> None:
    with http_client(guarded) as stranger, http_client(guarded, authority.token(roles=[])) as known:
        assert_error(stranger.request(method, path), 401, "unauthenticated")
        assert known.request(method, path).status_code in (403, 404, 405)


def test_the_header_of_app_service_authentication_is_ignored(guarded: str, authority: Authority) -> None:
    claims = {"tid": authority.tenant_id, "oid": str(uuid4()), "azp": str(uuid4()), "roles": READ_WRITE_ALL}
    principal = {"auth_typ": "aad", "claims": [{"typ": name, "val": value} for name, value in claims.items()]}
    with http_client(guarded) as http:
        header = base64.b64encode(json.dumps(principal).encode()).decode()
        answer = http.get(Resource(http).path, headers={"x-ms-client-principal": header})

    assert_error(answer, 401, "unauthenticated")


def test_a_refused_upload_gets_its_response(guarded: str, authority: Authority) -> None:
    with http_client(guarded, authority.token()) as http:
        session = Resource(http).new_session()
    body = multipart(part(access_file_of(20_000_000)))
    length = {"Content-Length": str(len(body))}

    answer = exchange(guarded, [upload_head(session.path, length), body])

    assert answer.status == 401


def test_an_unauthenticated_body_that_goes_on_is_ended(guarded: str) -> None:
    """The host passes no answer on before the end of the body. It would take an endless one, in a slot of its own."""
    with connection(guarded) as connected:
        connected.sendall(head("POST", any_list(), {"Transfer-Encoding": "chunked"}))
        send_until_refused(connected, [chunk(b"x")] * 100, pause=0.2)


def test_an_unauthenticated_request_with_a_small_chunked_body_gets_its_response(guarded: str) -> None:
    answer = exchange(guarded, [head("POST", any_list(), {"Transfer-Encoding": "chunked"}), chunk(b"{}"), chunk(b"")])

    assert answer.status == 401


# Permissions for the whole tenant


def statuses(http: httpx.Client, session_path: str, file_id: str) -> dict[str, int]:
    """What each operation answers, asked so that one that is let in changes nothing."""
    collection = session_path.rsplit("/", 1)[0]
    wrong_etag = {"If-Match": '"never"'}
    answers = [
        http.get(collection),
        http.get(f"{collection}/$count"),
        http.get(session_path),
        http.get(f"{session_path}/files"),
        http.get(f"{session_path}/files/$count"),
        http.get(f"{session_path}/files/{file_id}"),
        http.get(f"{session_path}/files/{file_id}/$value"),
        http.post(collection, json={}),
        http.patch(session_path, json={}),
        http.delete(session_path, headers=wrong_etag),
        http.post(f"{session_path}/uploadFile", headers={"Content-Type": "text/plain"}),
        http.post(f"{session_path}/microsoft.graph.uploadFile", headers={"Content-Type": "text/plain"}),
        http.post(f"{session_path}/validateFile", headers={"Content-Type": "text/plain"}),
    ]
    return {
        f"{answer.request.method} {answer.request.url.path.replace(session_path, '').replace(collection, '..')}": (
            answer.status_code
        )
        for answer in answers
    }


READS = 7
READS_FINE = [200] * READS
EVERY_SCOPE = f"access_as_user {READ_ALL} {READ_WRITE_ALL}"
WRITES_FINE = [400, 400, 412, 415, 415, 415]

WHO_MAY_WHAT: list[tuple[str, dict[str, Any] | None, list[int]]] = [
    ("no token", None, [401] * 13),
    ("write role", {"roles": [READ_WRITE_ALL]}, READS_FINE + WRITES_FINE),
    ("read role", {"roles": [READ_ALL]}, READS_FINE + [403] * 6),
    ("no roles", {"roles": []}, [404] * 13),
    ("neither", {"roles": None}, [404] * 13),
    ("roles is text", {"roles": READ_WRITE_ALL}, [404] * 13),
    ("other roles", {"roles": ["User.Read.All", READ_ALL.lower()]}, [404] * 13),
    ("an app's by idtyp", {"roles": [READ_WRITE_ALL], "idtyp": "app"}, READS_FINE + WRITES_FINE),
    ("a user's without a scope", {"roles": [READ_WRITE_ALL], "idtyp": "user"}, [401] * 13),
    # What everybody gets who signs in to a client whose scopes an administrator has consented to.
    ("scopes", {"roles": None, "scp": EVERY_SCOPE}, [404] * 13),
    ("scopes of no roles", {"roles": [], "scp": EVERY_SCOPE}, [404] * 13),
    ("scopes and another role", {"roles": ["UploadSessions.SignIn"], "scp": EVERY_SCOPE}, [404] * 13),
    ("scopes and write role", {"roles": [READ_WRITE_ALL], "scp": EVERY_SCOPE}, READS_FINE + WRITES_FINE),
    ("scopes and read role", {"roles": [READ_ALL], "scp": EVERY_SCOPE}, READS_FINE + [403] * 6),
    ("write scope, write role", {"roles": [READ_WRITE_ALL], "scp": READ_WRITE_ALL}, READS_FINE + WRITES_FINE),
    ("write scope, read role", {"roles": [READ_ALL], "scp": READ_WRITE_ALL}, READS_FINE + [403] * 6),
    ("read scope, write role", {"roles": [READ_WRITE_ALL], "scp": READ_ALL}, READS_FINE + [403] * 6),
    ("write role without its scope", {"roles": [READ_WRITE_ALL], "scp": "access_as_user"}, [404] * 13),
    ("write role, empty scope", {"roles": [READ_WRITE_ALL], "scp": ""}, [404] * 13),
    ("scopes are a list", {"roles": [READ_WRITE_ALL], "scp": [READ_WRITE_ALL]}, [404] * 13),
    ("a user's by idtyp", {"roles": [READ_ALL], "scp": EVERY_SCOPE, "idtyp": "user"}, READS_FINE + [403] * 6),
]


@pytest.mark.parametrize("paths", every_path(V1))
@pytest.mark.parametrize(
    ("claims", "expected"),
    [pytest.param(claims, expected, id=name) for name, claims, expected in WHO_MAY_WHAT],
)
def test_permissions_for_the_whole_tenant(
    guarded: str, authority: Authority, paths: Paths, claims: dict[str, Any] | None, expected: list[int]
) -> None:
    with http_client(guarded, authority.token()) as owner:
        session = Resource(owner).new_session()
        file_id = session.uploaded("access.csv")["id"]
    there = session.through(paths).path

    with http_client(guarded, None if claims is None else authority.token(**claims)) as http:
        assert list(statuses(http, there, file_id).values()) == expected


def test_a_refusal_names_the_permission(guarded: str, authority: Authority) -> None:
    with http_client(guarded, authority.token(roles=[READ_ALL])) as reader:
        answer = Resource(reader).create()

    assert READ_WRITE_ALL in assert_error(answer, 403, "accessDenied")["message"]
    assert f'error="insufficient_scope", scope="{READ_WRITE_ALL}"' in answer.headers["WWW-Authenticate"]


def test_a_caller_without_permission_gets_the_response_for_an_unknown_session(
    guarded: str, authority: Authority
) -> None:
    with http_client(guarded, authority.token()) as owner, http_client(guarded, authority.token(roles=[])) as outsider:
        session = Resource(owner).new_session()
        for path in ("", "/files", "/files/$count"):
            hidden = as_object(outsider.get(f"{session.path}{path}"))["error"]
            session.delete()
            unknown = as_object(owner.get(f"{session.path}{path}"))["error"]
            for error in (hidden, unknown):
                error["innerError"] = error["innerError"]["code"]
            assert hidden == unknown


# The keys


def test_rolled_keys_are_found(storage: Storage, lonely: Authority) -> None:
    with running_service(storage.connection_string, **lonely.settings) as service:
        assert ask(service, f"Bearer {lonely.token()}").status_code == 200

        lonely.roll("first", "second")
        assert ask(service, f"Bearer {lonely.token(2, 'second')}").status_code == 200
        assert ask(service, f"Bearer {lonely.token()}").status_code == 200

    assert lonely.fetches == 2


async def test_unknown_key_ids_do_not_flood_the_authority(storage: Storage, lonely: Authority) -> None:
    with running_service(storage.connection_string, **lonely.settings) as service:
        assert ask(service, f"Bearer {lonely.token()}").status_code == 200
        token = lonely.token()
        _, claims, signature = token.split(".")
        forged = [f"{encode({'alg': 'RS256', 'kid': str(uuid4())})}.{claims}.{signature}" for _ in range(200)]
        path = any_list()

        async with httpx.AsyncClient(base_url=service, limits=httpx.Limits(max_connections=32), timeout=60) as http:
            answers = await asyncio.gather(
                *(http.get(path, headers={"Authorization": f"Bearer {each}"}) for each in forged)
            )
            good = await http.get(path, headers={"Authorization": f"Bearer {token}"})

    assert {answer.status_code for answer in answers} <= {401, 503}
    assert answers[0].status_code == 401, "the fetch was made for it"
    assert all("Retry-After" in answer.headers for answer in answers if answer.status_code == 503)
    assert good.status_code == 200
    assert lonely.fetches == 2


async def test_first_requests_share_one_fetch_and_do_not_block_others(storage: Storage, lonely: Authority) -> None:
    lonely.delay = 3
    with running_service(storage.connection_string, **lonely.settings) as service:
        async with httpx.AsyncClient(base_url=service, timeout=60) as http:
            path, headers = any_list(), {"Authorization": f"Bearer {lonely.token()}"}
            waiting = [asyncio.create_task(http.get(path, headers=headers)) for _ in range(20)]
            await asyncio.sleep(0.2)
            assert (await http.get(path)).status_code == 401
            assert not any(task.done() for task in waiting), "the request was not blocked by the fetch of the keys"
            assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {200}

    assert lonely.fetches == 1


def test_known_keys_survive_an_outage_of_the_authority(storage: Storage, lonely: Authority) -> None:
    with running_service(storage.connection_string, **lonely.settings) as service:
        assert ask(service, f"Bearer {lonely.token()}").status_code == 200
        lonely.status = 500

        assert ask(service, f"Bearer {lonely.token()}").status_code == 200
        assert_error(ask(service, f"Bearer {lonely.token(2, 'second')}"), 503, "serviceNotAvailable")
        assert ask(service, f"Bearer {lonely.token()}").status_code == 200


def test_without_keys_a_token_is_not_called_invalid(storage: Storage, lonely: Authority) -> None:
    lonely.status = 500
    with running_service(storage.connection_string, **lonely.settings) as service:
        answer = ask(service, f"Bearer {lonely.token()}")
        assert_error(answer, 503, "serviceNotAvailable")
        assert_error(ask(service), 401, "unauthenticated")

        lonely.status = 200
        time.sleep(int(answer.headers["Retry-After"]) + 0.2)
        assert ask(service, f"Bearer {lonely.token()}").status_code == 200


# What is logged


def test_the_log_has_the_callers_id_and_no_token_and_no_name(
    storage: Storage, lonely: Authority, tmp_path: Path
) -> None:
    log, oid = tmp_path / "log", str(uuid4())
    good = lonely.token(oid=oid, name="Ada Lovelace", upn="ada@contoso.com", preferred_username="ada@contoso.com")
    bad = lonely.token(aud="api://other.example", name="Ada Lovelace")

    with running_service(storage.connection_string, log, **lonely.settings) as service:
        ask(service, f"Bearer {good}")
        ask(service, f"Bearer {bad}")

    said = log.read_text()
    assert "operation=list_sessions status=200" in said
    assert f"caller={oid}" in said
    for secret in (*good.split("."), *bad.split("."), "Ada", "ada@", "Bearer", "other.example"):
        assert secret not in said


# No authentication


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}, {"x-ms-client-principal": "x"}])
def test_without_authentication_every_request_is_accepted(service: str, headers: dict[str, str]) -> None:
    with http_client(service) as http:
        http.headers.update(headers)
        Resource(http).new_session()


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
def test_without_authentication_a_page_of_another_site_changes_nothing(
    session: Session, headers: dict[str, str]
) -> None:
    file = session.uploaded("there.csv")
    before = session.read()
    resource = session.resource
    with http_client(str(session.http.base_url)) as browser:
        browser.headers.update(headers)
        there = Resource(browser, V1, resource.catalog_id, resource.resource_id).session(session.id)
        for refused in (
            there.resource.create(),
            there.upload("evil.csv"),
            there.complete(),
            there.delete_file(file["id"]),
            there.delete(),
            browser.put(f"/v1.0/uploads/resources/{resource.catalog_id}/{resource.resource_id}", json={}),
        ):
            assert_error(refused, 403, "accessDenied")
        assert there.read() == before
    assert resource.ids() == [session.id]


def test_without_authentication_no_operation_changes_anything_for_a_page_of_another_site(session: Session) -> None:
    """The wrapper refuses it, before it is known whether there is such an object."""
    ids = {name: str(uuid4()) for name in ("sessionId", "fileId", "refusalId", "principalId")}
    ids |= {"catalogId": session.resource.catalog_id, "resourceId": session.resource.resource_id}
    tried = set()
    for function in functions():
        trigger = function.get_trigger()
        # Nothing is behind a catch-all.
        if not isinstance(trigger, HttpTrigger) or "{*" in str(trigger.route):
            continue
        path = re.sub(r"\{(\w+)\}", lambda found: ids.get(found[1], "x"), str(trigger.route))
        for method in {HttpMethod(each).value for each in trigger.methods or ()} - {"GET", "HEAD", "OPTIONS"}:
            tried.add((method, path))
            for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
                answer = session.http.request(method, f"/{path}", headers=headers)
                assert_error(answer, 403, "accessDenied")
                assert "another site" in answer.text, f"{method} {path}"

    assert {method for method, _ in tried} == {"POST", "PUT", "PATCH", "DELETE"}
    assert len(tried) > 40
