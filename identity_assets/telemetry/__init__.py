"""What leaves the process about a run: Sentry traces and events, log lines."""
