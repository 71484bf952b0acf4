#!/bin/sh
# Prints the first Python that is new enough; says what is missing when there is none.
for name in python3.11 python3.12 python3.13 python3 python; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        command -v "$name"
        exit 0
    fi
done
echo "No Python 3.11 or newer was found (python3 is: $(python3 --version 2>&1)); HAGD Explorer" \
    "needs one. Install Python 3.11, or name yours: make explore PYTHON=/path/to/python3.11" >&2
exit 1
