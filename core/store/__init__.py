"""The result store: content-keyed, whole or not at all, one computation per key, no pickle.

store = open_store()
key = stage_key("graph", 1, {"model": model.key, "task": task.key}, settings)
record = store.get_or_compute(key, compute, kind="graph", provenance={...})
"""

from core.store.health import EntryInfo, Health, health, list_entries, repair, verify
from core.store.keys import canonical_json, code_version, installed, plain, stage_key
from core.store.layout import default_location, write_whole
from core.store.notice import Notice, NoticeKind, Notify, log_notice
from core.store.record import SCHEMA, Header, Record
from core.store.store import Store, open_store

__all__ = [
    "SCHEMA",
    "EntryInfo",
    "Header",
    "Health",
    "Notice",
    "NoticeKind",
    "Notify",
    "Record",
    "Store",
    "canonical_json",
    "code_version",
    "default_location",
    "health",
    "installed",
    "list_entries",
    "log_notice",
    "open_store",
    "plain",
    "repair",
    "stage_key",
    "verify",
    "write_whole",
]
