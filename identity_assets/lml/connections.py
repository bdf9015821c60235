"""The HTTP connections to LML: one for each call in flight, kept open between calls.

Proxies and certificates are those of the environment (HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE), as httpx reads it.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

MAX_CONNECT_SECONDS: Final = 3.0
"""Nothing but its own time-out ends a connect, and a run must end within 5 s of a signal."""


@dataclass(slots=True)
class Line:
    """One connection at most, and the socket that it goes over."""

    http: httpx.Client
    connection: socket.socket | None = None


class Connections:
    """Lines to LML for as many threads as ask for one. Thread-safe.

    Raises ValueError where `ca_bundle`, or what SSL_CERT_FILE names, holds no certificates, or the environment names
    a proxy that httpx cannot use.
    """

    def __init__(self, headers: Mapping[str, str], timeout: float, ca_bundle: str | None = None) -> None:
        self._headers = dict(headers)
        self._timeout = httpx.Timeout(timeout, connect=min(timeout, MAX_CONNECT_SECONDS), pool=None)
        self._trusted = _trusted(ca_bundle)
        self._lock = threading.Lock()
        self._idle = [self._open()]
        self._closed = False

    @contextmanager
    def line(self) -> Iterator[Line]:
        """A line that no other thread uses meanwhile."""
        with self._lock:
            line = self._idle.pop() if self._idle else None
        line = line or self._open()
        try:
            yield line
        finally:
            with self._lock:
                if not self._closed:
                    self._idle.append(line)
            if self._closed:
                line.http.close()

    def close(self) -> None:
        """Close all lines that are idle; those in use are closed by who uses them."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for line in idle:
            line.http.close()

    def _open(self) -> Line:
        try:
            http = httpx.Client(
                headers=self._headers,
                timeout=self._timeout,
                limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
                verify=self._trusted,
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
                follow_redirects=False,
            )
        except (ImportError, ValueError, httpx.InvalidURL) as error:
            raise ValueError(
                f"HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names a proxy that cannot be used: {error}"
            ) from None
        return Line(http)


def _trusted(ca_bundle: str | None) -> ssl.SSLContext:
    named = (
        "SSL_CERT_FILE or SSL_CERT_DIR names what" if ca_bundle is None else f"LML_CA_BUNDLE={ca_bundle!r}"
    )
    try:
        if ca_bundle is None:
            return httpx.create_ssl_context()
        return ssl.create_default_context(cafile=ca_bundle)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"{named} holds no certificates: {error}") from None


def proxy_variable(url: str) -> str | None:
    """The variable of the environment that names the proxy for this URL; None if there is no proxy for it."""
    address, proxies = urlsplit(url), getproxies()
    scheme = next((scheme for scheme in (address.scheme, "all") if scheme in proxies), None)
    return None if scheme is None or proxy_bypass(address.netloc) else f"{scheme.upper()}_PROXY"
