"""LML seen from here: the wire, the HTTP client, and many batches asked at once.

Nothing here imports Dagster or knows a table; what becomes of a verdict is the writer's business.
"""
