"""What stands between a foreign page and a change here: who sent a form, for whom, and what our pages may load."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import flask

from towpath_core.errors import Refused

# The largest content that is read at all: of the interface, of a form.
LARGEST_JSON, LARGEST_FORM = 1 << 20, 1 << 16
_SAFE = ("GET", "HEAD", "OPTIONS")
_LIVES = timedelta(hours=12)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def refuse_foreign(request: flask.Request) -> None:
    """Raise Refused for a change that a page of another site makes a browser ask for, password and all."""
    if request.method in _SAFE:
        return
    origins = request.headers.getlist("Origin")
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    if site in ("same-origin", "none") and all(_is_here(origin, request.host) for origin in origins):
        return
    raise Refused("this came from a page of another site, and changes nothing here", hint="open the page itself")


def token(secret: bytes, person: str, address: str, now: datetime) -> str:
    """What proves that a form was given to this person, for this address, not long ago."""
    until = str(int((now + _LIVES).timestamp()))
    return f"{until}.{_mac(secret, person, address, until)}"


def check_token(text: str, secret: bytes, person: str, address: str, now: datetime) -> None:
    """Raise Refused for a form that was given to somebody else, for something else, or too long ago."""
    until, _, mac = text.partition(".")
    ours = _mac(secret, person, address, until)
    if not hmac.compare_digest(ours.encode(), mac.encode()):
        raise Refused("this form was not made by this page for you", hint="open the page again, and send it from there")
    if int(until) < now.timestamp():
        raise Refused("this form is too old", hint="open the page again, and send it from there")


def protect(response: flask.Response, nonce: str = "") -> flask.Response:
    """The response with the headers that keep a browser from doing anything with it but showing it."""
    style = f"'nonce-{nonce}'" if nonce else "'none'"
    policy = f"default-src 'none'; style-src {style}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    for name, value in {**_HEADERS, "Content-Security-Policy": policy}.items():
        response.headers[name] = value
    return response


def _is_here(origin: str, host: str) -> bool:
    """By host and port alone: a proxy in front may speak https where we hear http."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc == host


def _mac(secret: bytes, *parts: str) -> str:
    key = hashlib.sha256(b"towpath form\0" + secret).digest()
    said = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
    return hmac.new(key, said, hashlib.sha256).hexdigest()
