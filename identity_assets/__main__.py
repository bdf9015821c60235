"""`python -m identity_assets` runs the command `identity-assets`."""

from identity_assets.terminal.cli import main

main()
