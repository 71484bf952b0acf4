"""The store of this server, and what is kept in it beside circuits: jobs and the test log."""

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from core.store import Store, open_store
from explorer.jobs.jobs import Jobs

if TYPE_CHECKING:
    from explorer.session.testlog import TestLog


@st.cache_resource(show_spinner=False)
def store() -> Store:
    """The store of this server (`--store`, HAGD_STORE or the user's data folder)."""
    return open_store()


def trained() -> Path:
    """Folder of the dictionaries that runs in this store have trained."""
    return results().parent / "transcoders"


def results() -> Path:
    """Folder of this store's own circuits."""
    return store().layout.results


@st.cache_resource(show_spinner=False)
def jobs() -> Jobs:
    """The jobs of this store."""
    return Jobs(store().layout.root / "jobs")


@st.cache_resource(show_spinner=False)
def tests() -> "TestLog":
    """The log of every test in this store."""
    from explorer.session.testlog import TestLog

    return TestLog(store=store())
