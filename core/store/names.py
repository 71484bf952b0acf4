"""Names of files and folders made from what a person typed or a file says."""

import re


def slug(text: str) -> str:
    """The text with everything that could mean something in a path replaced by dashes."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-")[:80] or "unnamed"
