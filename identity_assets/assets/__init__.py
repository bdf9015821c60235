"""The Dagster shell, one module an asset: it calls the core and reports metadata, and decides nothing."""
