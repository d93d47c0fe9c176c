"""Headers that the gateway removes from requests, and headers that it adds to responses."""

import re
from collections.abc import Sequence

# Headers by which proxies tell applications who the user is. A client must not set them: a service that
# trusted one by mistake would trust the client.
IDENTITY_PREFIXES = (b"x-user", b"x-auth", b"x-forwarded-", b"x-remote-", b"x-internal-", b"x-identity")
IDENTITY_HEADERS = frozenset(
    {
        b"remote-user",
        b"forwarded",
        b"x-houseful-user",
        b"x-houseful-user-id",
        b"x-houseful-roles",
        b"x-houseful-session",
        b"x-houseful-service",
        b"x-account-id",
        b"x-client-cert",
        b"x-organizer-id",
        b"x-real-ip",
        b"x-request-id",  # ours is the only one
        b"x-role",
        b"x-roles",
        b"x-session-id",
        b"x-subject",
        b"x-original-url",
        b"x-rewrite-url",
    }
)


KEY_HEADER = b"x-internal-key"
"""A service in another process sends the gateway key in it."""

CLOSE = ((b"connection", b"close"),)
"""For responses of a process that drains: clients reconnect to another process."""


_HARMLESS = frozenset(
    {
        b"accept",
        b"accept-language",
        b"connection",
        b"content-length",
        b"content-type",
        b"host",
        b"idempotency-key",
        b"user-agent",
    }
)
"""What most requests have besides: they need no closer look."""


def names_somebody(header: bytes) -> bool:
    """Whether a header claims an identity, or sets what only the gateway may set. `header` is in lower
    case."""
    if header in _HARMLESS:
        return False
    return header in IDENTITY_HEADERS or header.startswith(IDENTITY_PREFIXES)


_PROXY_HEADERS = frozenset({b"forwarded", b"x-real-ip"})
_THIS_MACHINE = re.compile(rb"(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)


def says_proxy(header: bytes) -> bool:
    """Whether a proxy names its client in this header. `header` is in lower case."""
    return header in _PROXY_HEADERS or header.startswith(b"x-forwarded-")


def is_asked_directly(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether a request names this machine as its host, and neither a proxy nor a web page as its source. A
    proxy or a browser on this machine would ask for somebody else."""
    host = b""
    for name, value in headers:
        if name == b"host":
            host = value
        elif name in (b"via", b"origin"):
            return False
    return _THIS_MACHINE.fullmatch(host) is not None


_CONTENT = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'wasm-unsafe-eval'",  # a gate's camera reads codes by WebAssembly
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "font-src 'self'",
        "object-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    )
)


def security_headers(*, https: bool) -> tuple[tuple[bytes, bytes], ...]:
    """The headers of every response."""
    headers = [
        (b"content-security-policy", _CONTENT.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"strict-origin-when-cross-origin"),
        (b"permissions-policy", b"camera=(self), microphone=(), geolocation=(), payment=(), usb=()"),
    ]
    if https:
        headers.append((b"strict-transport-security", b"max-age=31536000"))
    return tuple(headers)
