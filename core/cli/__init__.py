"""The `hagd` command: one module per command, gathered in `core.cli.main`."""
