"""Small pieces of work for the job tests; run by name in a process of their own."""

import time
from collections.abc import Mapping
from typing import Any

from core.errors import GateError


def count(settings: Mapping[str, Any], report: Any) -> Mapping[str, Any]:
    for step in range(settings["to"]):
        report("Count", step + 1, settings["to"], note=f"at {step}")
    report("Rest")
    return {"sum": sum(range(settings["to"]))}


def refuse(settings: Mapping[str, Any], report: Any) -> Mapping[str, Any]:
    raise GateError("Held-out accuracy 0.91.\nThe gate is 0.95.")


def crash(settings: Mapping[str, Any], report: Any) -> Mapping[str, Any]:
    report("Crash")
    raise ZeroDivisionError("by hand")


def wait(settings: Mapping[str, Any], report: Any) -> Mapping[str, Any]:
    for _ in range(600):
        report("Wait")
        time.sleep(0.05)
    return {}


def deaf(settings: Mapping[str, Any], report: Any) -> Mapping[str, Any]:
    report("Deaf")
    time.sleep(60)
    return {}
