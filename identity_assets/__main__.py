"""`python -m identity_assets` is the command `identity-assets`."""

from identity_assets.terminal.cli import main

main()
