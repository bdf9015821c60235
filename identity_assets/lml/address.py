"""Where LML is, and what each request to it carries."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Final

import httpx

from identity_assets.lml.body import ACCEPT_ENCODING

ENDPOINT: Final = "/api/v1/identity/bulk-resolve-libraries"


def normalise_base_url(url: str) -> str:
    """The endpoint's URL for any of the four forms of LIBRARY_METADATA_URL (docs/rules.md, the contract).

    Raises ValueError for anything but a plain http(s) URL. A URL with a user name, a password or a query
    is refused without being repeated, since these hold secrets.
    """
    text = url.strip()
    try:
        parsed = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise ValueError("LIBRARY_METADATA_URL takes an http or https URL") from None
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise ValueError("LIBRARY_METADATA_URL takes no user name, password, query or fragment")
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError(f"LIBRARY_METADATA_URL takes an http or https URL, got {text!r}")
    return text.rstrip("/").removesuffix("/api/v1").rstrip("/") + ENDPOINT


def sendable_key(api_key: str | None) -> str | None:
    """The key without the space around it; None for an empty one. Raises ValueError for what no header can carry."""
    api_key = (api_key or "").strip()
    if not (api_key.isascii() and api_key.isprintable() and " " not in api_key):
        # Checked here, because the message of the HTTP library would quote the key.
        raise ValueError("LML_API_KEY takes printable ASCII characters without spaces")
    return api_key or None


def request_headers(api_key: str | None) -> dict[str, str]:
    """The headers that all requests share."""
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Encoding": ACCEPT_ENCODING,
        "User-Agent": _user_agent(),
    }
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    return headers


def _user_agent() -> str:
    try:
        return f"identity-assets/{version('identity-assets')}"
    except PackageNotFoundError:
        return "identity-assets/0"
