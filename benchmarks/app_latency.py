"""The app as a person waits for it: seconds to the first page, milliseconds from click to logits.

    python benchmarks/app_latency.py --out benchmarks/results/app_latency.json

1. Start `hagd explore` on a free local port; stop the clock when the library's table is there.
2. Open a stored circuit from the library, cold (its model is loaded) and warm (once more).
3. In the Lab, click nodes one after the other; for each, the time from the press of the button to
   the new P(answer) in the page, in the browser's own clock.
4. The same with several people at once, each with a browser session of their own.
5. The same on a random model of GPT-2 small's shape (`--large`): it needs 0.8 GB of disk in --work.

Everything runs on this machine: the browser is headless Chromium and shares its cores.
"""

import argparse
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
HOST = "[...document.querySelectorAll('[data-ready]')].at(-1)"
IN_SIGHT = f"""() => {{
  const host = {HOST}, edge = host.getBoundingClientRect();
  return host.__canvas.nodes().filter((name) => /^[A-Z][A-Z0-9]*$/.test(name))
    .map((name) => host.__canvas.pixel(name))
    .filter(({{ x, y }}) => x > edge.left && x < edge.right && y > edge.top && y < edge.bottom);
}}"""
"""Places of the supernodes that are not cut off by the picture's edge."""
WATCH = """() => {
  window.__times = [];
  let pressed = null, shown = null;
  const value = () => document.querySelector('[data-testid=p-answer]')?.dataset.changed;
  addEventListener('pointerdown', () => { pressed = performance.now(); shown = value(); }, true);
  const look = () => {
    if (pressed !== null && value() !== undefined && value() !== shown) {
      window.__times.push(performance.now() - pressed);
      pressed = null;
    }
    requestAnimationFrame(look);
  };
  look();
}"""
"""In the page: time from a press to another P(answer) on the screen, checked at every frame."""


def main() -> None:
    args = arguments()
    report: dict[str, Any] = {
        "command": " ".join(["python", "benchmarks/app_latency.py", *sys.argv[1:]]),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "load_before": os.getloadavg(),
    }
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=args.chromium, args=["--no-sandbox"])
        report["bundled"] = bundled(browser, Path(args.store or folder), args)
        if args.large:
            report["gpt2_small_shape"] = large(browser, Path(args.work), args)
        browser.close()
    report["load_after"] = os.getloadavg()
    text = json.dumps(report, indent=1)
    print(text)
    if args.out:
        Path(args.out).parent.mkdir(parents=True, exist_ok=True)
        Path(args.out).write_text(text + "\n", "utf-8")


def arguments() -> argparse.Namespace:
    from core.cli.browser import find_browser

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clicks", type=int, default=12)
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--starts", type=int, default=3, help="times that the app is started")
    parser.add_argument("--large", action="store_true", help="also a model of GPT-2 small's shape")
    parser.add_argument("--work", default=str(Path(tempfile.gettempdir()) / "hagd-app-latency"))
    parser.add_argument("--chromium", default=find_browser())
    parser.add_argument("--store", help="store to open; a new, empty one if not given")
    parser.add_argument("--out", help="JSON file of the results")
    return parser.parse_args()


def bundled(browser: Browser, store: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Start, open, click, many people: on the bundled circuits."""
    starts = []
    for _ in range(args.starts - 1):
        with served(store) as (url, began):
            starts.append(first_page(browser, url, began))
    with served(store) as (url, began):
        starts.append(first_page(browser, url, began))
        opened = [open_circuit(browser, url) for _ in range(5)]
        name = opened[0]["circuit"]
        clicks = click_times(browser, f"{url}/lab?circuit={name}", args.clicks)
        together = many(browser, f"{url}/lab?circuit={name}", args.people)
    return {
        "circuit": name,
        "app_usable_s": summary(starts),
        "circuit_opens_first_s": opened[0]["seconds"],
        "circuit_opens_s": summary([one["seconds"] for one in opened[1:]]),
        "click_to_logits_ms": summary(clicks),
        "people": args.people,
        "click_to_logits_together_ms": summary(together),
    }


def large(browser: Browser, work: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Clicks on a random model of GPT-2 small's shape."""
    store = work / "store"
    if not (work / "complete").exists():
        # In a process of its own: this one is to be no larger than a browser's driver.
        made_by = Path(__file__).with_name("app_latency_large.py")
        subprocess.run([sys.executable, str(made_by), str(work)], check=True, cwd=ROOT)
    with served(store) as (url, _):
        began = time.perf_counter()
        link = f"{url}/lab?circuit=gpt2-small-shape"
        clicks = click_times(browser, link, args.clicks)
        total = time.perf_counter() - began
    return {"click_to_logits_ms": summary(clicks), "with_loading_s": round(total, 1)}


@contextmanager
def served(store: Path) -> Iterator[tuple[str, float]]:
    """`hagd explore` on a free port: its address and when it was started."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "core", "explore", "--port", str(port), "--no-browser"]
    began = time.perf_counter()
    server = subprocess.Popen(
        [*command, "--store", str(store)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}", began
    finally:
        server.terminate()
        server.wait(20)


def first_page(browser: Browser, url: str, began: float) -> float:
    """Seconds from the command until the library's table is there."""
    page = browser.new_page()
    page.goto(url)
    page.locator("tr[data-name]").first.wait_for(timeout=120_000)
    seconds = time.perf_counter() - began
    page.close()
    return seconds


def open_circuit(browser: Browser, url: str) -> dict[str, Any]:
    """Seconds from a click on a row of the library until the circuit's network is drawn."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(url)
    row = page.locator("tr[data-name]:not(.damaged)").first
    row.wait_for(timeout=120_000)
    name = row.get_attribute("data-name")
    page.wait_for_timeout(300)
    began = time.perf_counter()
    row.locator("td").nth(1).click()
    drawn = f"() => location.pathname.endsWith('circuit') && {HOST}?.__canvas?.nodes().length > 0"
    page.wait_for_function(drawn, timeout=120_000, polling="raf")
    seconds = time.perf_counter() - began
    page.close()
    return {"circuit": name, "seconds": round(seconds, 3)}


def click_times(browser: Browser, link: str, clicks: int) -> list[float]:
    """Milliseconds from press to new logits, one click after the other."""
    page = lab_page(browser, link)
    for number in range(clicks + 2):
        press(page, number)
        page.wait_for_function(f"() => window.__times.length > {number}", timeout=120_000)
        page.wait_for_timeout(700)
    times = page.evaluate("window.__times")[2:]  # the first ones fill caches
    page.context.close()
    return times


def many(browser: Browser, link: str, people: int) -> list[float]:
    """The same for several people who click at about the same time."""
    pages = [lab_page(browser, link) for _ in range(people)]
    for turn in range(4):
        for page in pages:
            press(page, turn)
        for page in pages:
            page.wait_for_function(f"() => window.__times.length > {turn}", timeout=120_000)
        pages[0].wait_for_timeout(1000)
    times = [time for page in pages for time in page.evaluate("window.__times")[1:]]
    for page in pages:
        page.context.close()
    return times


def lab_page(browser: Browser, link: str) -> Page:
    """The Lab in a session of its own, ready to be clicked."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.goto(link)
    page.wait_for_function(f"() => {HOST}?.__canvas?.nodes().length > 0", timeout=300_000)
    page.get_by_text("Against random selections").wait_for(timeout=300_000)
    page.wait_for_timeout(1000)
    page.evaluate(WATCH)
    return page


def press(page: Page, number: int) -> None:
    """Click a supernode: ablated and put back in turns, so that the answer always moves."""
    boxes = page.evaluate(IN_SIGHT)
    place = boxes[number // 2 % len(boxes)]
    page.mouse.click(place["x"], place["y"])


def summary(values: list[float]) -> dict[str, Any]:
    """Median, 90 % quantile, extremes."""
    ordered = sorted(values)
    return {
        "n": len(ordered),
        "median": round(statistics.median(ordered), 3),
        "p90": round(ordered[min(len(ordered) - 1, int(0.9 * len(ordered)))], 3),
        "min": round(ordered[0], 3),
        "max": round(ordered[-1], 3),
    }


if __name__ == "__main__":
    main()
