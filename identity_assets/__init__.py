"""Who made each release in the catalogue: asked of LML in bulk, written to Backend's tables."""

__version__ = "0.1.0"
