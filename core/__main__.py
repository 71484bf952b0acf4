"""`python -m core` is `hagd`."""

from core.cli.main import main

main()
