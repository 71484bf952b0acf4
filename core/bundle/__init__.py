"""Result bundles: written whole, opened checked, listed cheaply."""

from core.bundle.contents import FILES, VERDICTS, Bundle, BundleInfo
from core.bundle.provenance import Source, code_version, locate, portable, provenance
from core.bundle.reading import list_bundles, open_bundle
from core.bundle.writing import relabel, write_bundle

__all__ = [
    "FILES",
    "VERDICTS",
    "Bundle",
    "BundleInfo",
    "Source",
    "code_version",
    "list_bundles",
    "locate",
    "open_bundle",
    "portable",
    "provenance",
    "relabel",
    "write_bundle",
]
