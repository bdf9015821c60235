"""Backend's PostgreSQL: connections, statements, and what is read and written there. Never Dagster."""
