"""`python -m benchmarks._counted FILE [--plans] -- ARGUMENTS`: run `identity-assets ARGUMENTS` and record its
SQL.

The statements are in FILE when the process ends (`_statements`).
"""

import sys
from pathlib import Path

from benchmarks._statements import StatementLog


def main() -> None:
    """Run the command in this process."""
    split = sys.argv.index("--")
    options, command = sys.argv[1:split], sys.argv[split + 1 :]
    log = StatementLog(with_plans="--plans" in options)
    sys.argv = ["identity-assets", *command]
    # The command's modules are imported while the clock of the benchmark runs, as they are without this wrapper.
    from identity_assets.terminal.cli import main as run_command  # noqa: PLC0415  # see the line above

    try:
        with log.recording():
            run_command()
    finally:
        log.save(Path(options[0]))


if __name__ == "__main__":
    main()
