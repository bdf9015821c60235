"""What leaves the process about a run: traces and events for Sentry, and log lines."""
