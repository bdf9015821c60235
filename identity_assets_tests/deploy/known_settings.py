"""The names of all environment variables that settings.py reads."""

from dataclasses import fields

from identity_assets.settings import Settings

NAMES = {one.metadata["env"] for one in fields(Settings)} | {
    f"DB_{part}" for part in ("HOST", "PORT", "NAME", "USERNAME", "PASSWORD")
}
