import base64
import hmac
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from houseful.kernel.errors import DomainError
from houseful.kernel.roles import Role
from houseful.users.tokens import AccessTokens, RefreshCookie
from tests.unit.users.support import (
    ANN,
    OURS,
    PASSWORD,
    SECRETS,
    Harness,
    MakeHarness,
    code,
    cookie_login,
    json,
)

# Access tokens


async def test_what_an_access_token_says(harness: Harness) -> None:
    signed_in = await harness.person(ANN, Role.GATE)
    assert (signed_in["token_type"], signed_in["expires_in"]) == ("Bearer", 600)
    token = signed_in["access_token"]
    published = await harness.call("GET", "/.well-known/jwks.json")
    assert published.headers["cache-control"] == "public, max-age=300"
    [key] = json(published)["keys"]
    assert {"kty", "crv", "x", "kid", "alg", "use"} == key.keys()
    assert "d" not in key
    header = jwt.get_unverified_header(token)
    assert header == {"alg": "EdDSA", "typ": "at+jwt", "kid": key["kid"]}
    claims = jwt.decode(
        token,
        jwt.PyJWK(key),
        algorithms=["EdDSA"],
        audience="houseful",
        issuer="houseful",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims["exp"] - claims["iat"] == 600
    assert claims["iat"] == harness.clock.now() // 1000
    assert claims["sub"] == signed_in["user"]["id"]
    assert claims["roles"] == ["buyer", "gate"]
    assert signed_in["refresh_token"].startswith(claims["sid"])
    assert claims["jti"]


async def test_the_key_id_is_the_thumbprint(harness: Harness) -> None:
    """RFC 8037, appendix A.3, has the thumbprint of this key."""
    seed = base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
    assert AccessTokens(seed, seconds=600).kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def forged(harness: Harness, key: Any, *, header: dict[str, Any], **claims: Any) -> str:
    now = harness.clock.now() // 1000
    body = {
        "iss": "houseful",
        "aud": "houseful",
        "iat": now,
        "exp": now + 600,
        "sid": "ses_1",
        "roles": ["admin"],
    }
    return jwt.encode({**body, **claims}, key, algorithm=header.pop("alg", "EdDSA"), headers=header)


async def test_forged_access_tokens(harness: Harness) -> None:
    signed_in = await harness.person(ANN, Role.ADMIN)
    sub = signed_in["user"]["id"]
    ours = Ed25519PrivateKey.from_private_bytes(SECRETS.raw("token_key"))
    [published] = json(await harness.call("GET", "/.well-known/jwks.json"))["keys"]
    good = {"typ": "at+jwt", "kid": published["kid"]}
    assert (
        await harness.call("GET", "/api/me", token=forged(harness, ours, header={**good}, sub=sub))
    ).status == 200

    stranger = Ed25519PrivateKey.generate()
    head, body, _ = signed_in["access_token"].split(".")
    as_secret = base64.urlsafe_b64encode(msgspec.json.encode({"alg": "HS256", **good})).rstrip(b"=").decode()
    mac = hmac.digest(
        base64.urlsafe_b64decode(published["x"] + "="), f"{as_secret}.{body}".encode(), "sha256"
    )
    tokens = {
        "none": forged(harness, None, header={**good, "alg": "none"}, sub=sub),
        "public key as secret": f"{as_secret}.{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}",
        "stranger": forged(harness, stranger, header={**good}, sub=sub),
        "foreign kid": forged(harness, stranger, header={**good, "kid": "mine"}, sub=sub),
        "foreign jku": forged(
            harness, stranger, header={**good, "kid": "x", "jku": "https://evil.example"}, sub=sub
        ),
        "type": forged(harness, ours, header={**good, "typ": "JWT"}, sub=sub),
        "audience": forged(harness, ours, header={**good}, sub=sub, aud="other"),
        "issuer": forged(harness, ours, header={**good}, sub=sub, iss="other"),
        "no session": forged(harness, ours, header={**good}, sub=sub, sid=None),
        "no signature": f"{head}.{body}.",
        "refresh token": signed_in["refresh_token"],
        "nonsense": "x",
    }
    for name, token in tokens.items():
        assert code(await harness.call("GET", "/api/me", token=token)) == (401, "token_invalid"), name


async def test_no_token_and_an_expired_one(harness: Harness) -> None:
    signed_in = await harness.person()
    assert code(await harness.call("GET", "/api/me")) == (401, "not_authenticated")
    await harness.clock.advance(600)
    token = signed_in["access_token"]
    assert code(await harness.call("GET", "/api/me", token=token)) == (401, "token_expired")


async def test_an_expired_access_token_is_not_in_the_way_of_a_new_one(harness: Harness) -> None:
    signed_in = await harness.person()
    await harness.clock.advance(601)
    old = signed_in["access_token"]
    body: dict[str, Any] = {"refresh_token": signed_in["refresh_token"]}
    assert (await harness.call("POST", "/api/auth/refresh", body, token=old)).status == 200
    body = {"email": ANN, "password": PASSWORD}
    assert (await harness.call("POST", "/api/auth/login", body, token=old)).status == 200


async def test_an_access_token_of_nobody(harness: Harness) -> None:
    ours = Ed25519PrivateKey.from_private_bytes(SECRETS.raw("token_key"))
    [published] = json(await harness.call("GET", "/.well-known/jwks.json"))["keys"]
    token = forged(harness, ours, header={"typ": "at+jwt", "kid": published["kid"]}, sub="usr_none")
    assert code(await harness.call("GET", "/api/me", token=token)) == (401, "token_invalid")


# Refresh tokens


async def test_refresh_by_body(harness: Harness) -> None:
    first = await harness.person()
    answer = await harness.call("POST", "/api/auth/refresh", {"refresh_token": first["refresh_token"]})
    assert answer.status == 200
    assert "set-cookie" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    second = json(answer)
    assert second.keys() == first.keys()
    assert second["refresh_token"] != first["refresh_token"]
    assert (await harness.call("GET", "/api/me", token=second["access_token"])).status == 200


async def test_reuse_by_body(harness: Harness) -> None:
    first = await harness.person()
    second = json(await harness.call("POST", "/api/auth/refresh", {"refresh_token": first["refresh_token"]}))
    await harness.clock.advance(11)
    for pair in (first, second):
        answer = await harness.call("POST", "/api/auth/refresh", {"refresh_token": pair["refresh_token"]})
        assert code(answer) == (401, "refresh_reused")


async def test_the_cookie_on_localhost(harness: Harness) -> None:
    cookie, answer = await cookie_login(harness)
    assert "refresh_token" not in json(answer)
    assert answer.headers["set-cookie"] == (f"{cookie}; Max-Age=2592000; Path=/; HttpOnly; SameSite=Strict")
    assert cookie.startswith("houseful_refresh=")
    answer = await harness.call("POST", "/api/auth/refresh", cookie=cookie, **OURS)
    assert answer.status == 200
    assert "refresh_token" not in json(answer)
    assert answer.headers["set-cookie"].split(";")[0] not in ("", cookie)


async def test_the_cookie_on_https(make_harness: MakeHarness) -> None:
    harness = make_harness(public_url="https://tickets.example.org/")
    cookie, answer = await cookie_login(harness)
    assert answer.headers["set-cookie"] == (
        f"{cookie}; Max-Age=2592000; Path=/; HttpOnly; SameSite=Strict; Secure"
    )
    assert cookie.startswith("__Host-houseful_refresh=")
    ours = {
        "x_houseful_client": "web",
        "origin": "https://tickets.example.org",
        "host": "tickets.example.org",
    }
    answer = await harness.call("POST", "/api/auth/refresh", cookie=f"a=b; {cookie}; c", **ours)
    assert answer.status == 200
    bare = cookie.removeprefix("__Host-")
    assert code(await harness.call("POST", "/api/auth/refresh", cookie=bare, **ours)) == (
        401,
        "refresh_invalid",
    )


@pytest.mark.parametrize(
    "change",
    [
        {"x_houseful_client": ""},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://127.0.0.1:8001"},
        {"origin": "https://127.0.0.1:8000"},
        {"origin": "http://127.0.0.1:8000.evil.example"},
        {"origin": "http://evil.example:8000", "host": "evil.example:8000"},
        {"origin": "http://["},
    ],
)
async def test_other_sites_can_not_use_the_cookie(harness: Harness, change: dict[str, str]) -> None:
    cookie, _ = await cookie_login(harness)
    for path in ("/api/auth/refresh", "/api/auth/logout"):
        answer = await harness.call("POST", path, cookie=cookie, **(OURS | change))
        assert code(answer) == (403, "cross_site"), path
    assert (await harness.call("POST", "/api/auth/refresh", cookie=cookie, **OURS)).status == 200


async def test_without_an_origin_the_header_is_enough(harness: Harness) -> None:
    cookie, _ = await cookie_login(harness)
    answer = await harness.call("POST", "/api/auth/refresh", cookie=cookie, x_houseful_client="web")
    assert answer.status == 200


async def test_other_sites_can_not_sign_their_visitors_in(harness: Harness) -> None:
    await harness.person()
    body = {"email": ANN, "password": PASSWORD}
    answer = await harness.call("POST", "/api/auth/login", body, origin="https://evil.example")
    assert code(answer) == (403, "cross_site")
    body["token_transport"] = "body"
    assert (await harness.call("POST", "/api/auth/login", body, origin="https://evil.example")).status == 200


@pytest.mark.parametrize(
    ("base_url", "origin", "host", "good"),
    [
        ("http://127.0.0.1:8000", "http://localhost:9000", "localhost:9000", True),
        ("http://127.0.0.1:8000", "http://[::1]:8000", "[::1]:8000", True),
        ("http://127.0.0.1:8000", "http://localhost:5173", "localhost:8000", False),
        ("http://192.168.1.5:8000", "http://192.168.1.5:8000", "192.168.1.5:8000", True),
        ("http://127.0.0.1:8000", "http://192.168.1.5:8000", "192.168.1.5:8000", True),
        ("http://127.0.0.1:8000", "http://[fd00::5]:8000", "[FD00::5]:8000", True),
        ("http://127.0.0.1:8000", "http://boxoffice:8000", "boxoffice:8000", True),
        ("http://127.0.0.1:8000", "http://boxoffice.local:8000", "boxoffice.local:8000", True),
        ("http://127.0.0.1:8000", "http://192.168.1.5:8000", "192.168.1.6:8000", False),
        ("http://127.0.0.1:8000", "http://192.168.1.5:8000", "192.168.1.5", False),
        ("http://127.0.0.1:8000", "https://192.168.1.5", "192.168.1.5", False),
        ("http://127.0.0.1:8000", "http://rebound.example.org", "rebound.example.org", False),
        ("http://127.0.0.1:8000", "http://local", "rebound.example.org", False),
        ("http://tickets.example.org", "http://tickets.example.org", "10.0.0.1:8000", True),
        ("http://tickets.example.org", "http://localhost:8000", "localhost:8000", True),
        ("https://tickets.example.org", "http://192.168.1.5:8000", "192.168.1.5:8000", False),
        ("https://localhost", "http://localhost", "localhost", False),
        ("https://tickets.example.org:443", "https://tickets.example.org", "x", True),
        ("https://Tickets.example.org", "https://tickets.example.org", "x", True),
        ("https://tickets.example.org", "https://www.tickets.example.org", "www.tickets.example.org", False),
    ],
)
def test_which_origins_are_ours(base_url: str, origin: str, host: str, good: bool) -> None:
    cookie = RefreshCookie(base_url)
    headers = {"origin": origin, "host": host}
    if good:
        cookie.check_origin(headers)
    else:
        with pytest.raises(Exception, match="cross_site"):
            cookie.check_origin(headers)


def test_who_opened_it_at_the_wrong_address_is_told_the_right_one() -> None:
    for base_url in ("https://tickets.example.org", "http://127.0.0.1:8000"):
        with pytest.raises(DomainError) as refusal:
            RefreshCookie(base_url).check_origin(
                {"origin": "https://shop.example.org", "host": "shop.example.org"}
            )
        assert refusal.value.code == "cross_site"
        assert base_url in refusal.value.detail
        assert "HOUSEFUL_PUBLIC_URL" in refusal.value.detail


async def test_a_token_in_the_body_wins_over_the_cookie(harness: Harness) -> None:
    cookie, _ = await cookie_login(harness)
    mine = await harness.signed_in()
    body = {"refresh_token": mine["refresh_token"]}
    answer = await harness.call("POST", "/api/auth/refresh", body, cookie=cookie)
    assert json(answer)["refresh_token"].split(".")[0] == mine["refresh_token"].split(".")[0]
    assert "set-cookie" not in answer.headers
    answer = await harness.call("POST", "/api/auth/refresh", {"refresh_token": None}, cookie=cookie, **OURS)
    assert answer.status == 200


async def test_no_refresh_token_at_all(harness: Harness) -> None:
    nothing: tuple[Any, ...] = (None, {}, b" ")
    for body in nothing:
        answer = await harness.call("POST", "/api/auth/refresh", body, **OURS)
        assert code(answer) == (401, "refresh_invalid")
    assert code(await harness.call("POST", "/api/auth/refresh", b"{")) == (400, "not_json")
    wrongs: tuple[Any, ...] = ({"refresh_token": 1}, {"refresh_token": {"$ne": ""}}, {"token": "x"}, [])
    for wrong in wrongs:
        answer = await harness.call("POST", "/api/auth/refresh", wrong)
        assert code(answer) == (422, "validation_failed")
