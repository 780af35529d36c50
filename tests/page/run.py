"""Holds the live page of `tamis serve` to what it promises, in a browser.

Usage: python run.py --tamis BINARY [--chromium BINARY] [--shots FOLDER]

Starts a broker, sends records to it and reads them, and looks at the page as a desktop and as a phone do, in light and in dark: figures change,
charts are drawn, nothing comes from elsewhere, nothing is wrong by the browser's own account or by axe's, the keyboard gets everywhere,
names that are HTML stay text, a broker that ends and comes back is noticed, and who may not watch any more is told why. What only a broker with contracts or with ten thousand topics
would show is put into the stream of events on its way to the page. Writes a line for each check; ends with 1 if any failed.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Self

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent / "clients"))

from axe import violations
from broker import Broker
from common import same
from load import Load, send

SIZES = {"desktop": (1440, 900), "phone": (360, 740)}
SCHEMES = ["light", "dark"]
WAIT_SECONDS = 20
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"
CONTRACT = """\
version: 1.0.0
kind: DataContract
apiVersion: v3.0.2
id: payments
status: active
schema:
  - name: payments
    properties:
      - name: amount
        logicalType: number
        logicalTypeOptions:
          minimum: 0
      - name: note
        logicalType: string
"""
# A broker that is not there is told of by the browser itself.
ABSENCE = "Failed to load resource"

# How many columns of pixels of the first chart have the colour of its first line.
DRAWN = """() => {
  const canvas = document.querySelector("figure canvas");
  const style = getComputedStyle(document.documentElement);
  const wanted = style.getPropertyValue("--one").trim().match(/[0-9a-f]{2}/g).map((it) => parseInt(it, 16));
  const { width, height } = canvas;
  // Of a copy: the browser warns of canvases that are drawn to and read.
  const copy = new OffscreenCanvas(width, height).getContext("2d");
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, width, height);
  const columns = new Set();
  for (let place = 0; place < data.length; place += 4) {
    const far = wanted.some((it, index) => Math.abs(it - data[place + index]) > 4);
    if (!far && data[place + 3] > 128) columns.add((place / 4) % width);
  }
  return columns.size;
}"""

# The points of a topic that is seen at these times.
TOPIC_HISTORY = """async (times) => {
  const { History } = await import("/assets/history.js");
  const history = new History();
  const flows = { records_in: 1, records_out: 1, bytes_in: 1, bytes_out: 1 };
  for (const at_ms of times) history.push({ now: { at_ms }, topics: { rows: [{ name: "orders", ...flows }] } });
  return history.columns("orders");
}"""

# What the keyboard has to get to: all that can be used and is shown.
USABLE = """() => [...document.querySelectorAll("a[href], button, select, [tabindex='0']")]
  .filter((it) => it.checkVisibility()).length"""
FOCUSED = """() => {
  const it = document.activeElement;
  if (!it || it === document.body) return null;
  const all = [...document.querySelectorAll("*")];
  return { place: all.indexOf(it), outline: getComputedStyle(it).outlineStyle };
}"""


class Watched:
    """A page, and what went wrong on it by the browser's account."""

    def __init__(
        self,
        browser: Browser,
        origin: str,
        size: str = "desktop",
        scheme: str = "light",
        user: dict[str, str] | None = None,
    ) -> None:
        width, height = SIZES[size]
        self.context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            device_scale_factor=2,
            http_credentials=user,
        )
        self.page: Page = self.context.new_page()
        self.origin = origin
        self.faults: list[str] = []
        self.page.on("console", self.note_console)
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("request", self.note_request)
        self.page.on("requestfailed", self.note_failure)
        self.page.on("response", self.note_response)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def note_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"console: {message.text}")

    def note_request(self, request: Request) -> None:
        if not request.url.startswith(self.origin):
            self.faults.append(f"foreign: {request.url}")

    def note_failure(self, request: Request) -> None:
        # A page that is left lets go of its stream.
        if request.failure != "net::ERR_ABORTED":
            self.faults.append(f"{ABSENCE}: {request.url}: {request.failure}")

    def note_response(self, response) -> None:
        if response.status >= 400:
            self.faults.append(f"{ABSENCE}: {response.url}: {response.status}")

    def open(self) -> Page:
        answer = self.page.goto(self.origin)
        policy = answer.headers["content-security-policy"]
        same(policy.startswith("default-src 'none'; script-src 'self';"), True, policy)
        return self.page

    def until(self, what: str, told: Callable[[], object]) -> None:
        """Waits until something is true."""
        end = time.monotonic() + WAIT_SECONDS
        while not told():
            if time.monotonic() > end:
                raise AssertionError(f"{what}: not within {WAIT_SECONDS} s; {self.status()!r}, {self.faults}")
            self.page.wait_for_timeout(50)

    def until_live(self) -> None:
        self.until("live", lambda: self.status() == "Live")

    def status(self) -> str:
        return self.page.inner_text("#status")

    def figure(self, name: str) -> str:
        return self.page.locator("#figures > div", has_text=name).locator(".now").inner_text()

    def in_order(self, is_missed: bool = False) -> None:
        """Nothing went wrong, unless it is that the broker `is_missed`."""
        same([it for it in self.faults if not is_missed or ABSENCE not in it], [], "faults")


def first_run(browser: Browser, broker: Broker) -> None:
    """Who has no topics is told how to begin."""
    with Watched(browser, f"http://{broker.http}/") as it:
        page = it.open()
        it.until_live()
        command = page.inner_text("#first-command")
        same(f"--bootstrap {broker.bootstrap}" in command, True, command)
        same(page.is_visible("#no-contracts"), True, "a word on contracts")
        same(page.locator("table:visible").count(), 0, "tables")
        same(violations(page), [], "axe")
        it.in_order()


def looks(size: str, scheme: str, shots: Path | None) -> Callable[[Browser, Broker], None]:
    def look(browser: Browser, broker: Broker) -> None:
        with Watched(browser, f"http://{broker.http}/", size, scheme) as it:
            page = it.open()
            it.until_live()
            it.until("records come in", lambda: it.figure("Records in") not in ("–", "0/s"))
            seen = it.figure("Records in")
            it.until("figures change", lambda: it.figure("Records in") != seen)
            it.until("a line is drawn", lambda: page.evaluate(DRAWN) > 10)
            it.until("lag is told", lambda: page.locator("#groups tbody tr").count() >= 2)
            same(page.locator("figure canvas").count(), 6, "charts")
            width = page.evaluate("document.documentElement.scrollWidth")
            same(width <= SIZES[size][0], True, f"no sideways scrolling, {width}")
            same(violations(page), [], "axe")
            if shots:
                page.screenshot(path=shots / f"{size}-{scheme}.png", full_page=True)
            it.in_order()

    look.__name__ = f"looks_right_on_a_{size}_in_{scheme}"
    return look


def keyboard(browser: Browser, broker: Broker) -> None:
    """Tab gets everywhere, and one sees where."""
    with Watched(browser, f"http://{broker.http}/") as it:
        page = it.open()
        it.until("tables are there", lambda: page.locator("#groups tbody tr").count() >= 2)
        usable = page.evaluate(USABLE)
        reached = set()
        for _ in range(usable):
            page.keyboard.press("Tab")
            focused = page.evaluate(FOCUSED)
            same(focused is not None and focused["outline"] != "none", True, f"{focused} is seen")
            reached.add(focused["place"])
        same(len(reached), usable, "what the keyboard gets to")
        page.evaluate("document.activeElement.blur()")
        page.evaluate("document.querySelector('.skip').focus()")
        page.keyboard.press("Enter")
        same(page.evaluate("document.activeElement.id"), "main", "where the skip link leads")
        it.in_order()


def pause(browser: Browser, broker: Broker) -> None:
    """What is paused stays as it is, and goes on."""
    with Watched(browser, f"http://{broker.http}/") as it:
        page = it.open()
        it.until("records come in", lambda: it.figure("Records in") not in ("–", "0/s"))
        page.focus("#pause")
        page.keyboard.press("Space")
        same((it.status(), page.inner_text("#pause")), ("Paused", "Resume"), "paused")
        held = page.inner_text("main")
        page.wait_for_timeout(2500)
        same(page.inner_text("main"), held, "what is held")
        page.keyboard.press("Enter")
        same((it.status(), page.inner_text("#pause")), ("Live", "Pause"), "live")
        it.until("it goes on", lambda: page.inner_text("main") != held)
        it.in_order()


def moments(browser: Browser, broker: Broker) -> None:
    """The keyboard gets to the values of earlier moments, as the pointer does."""
    with Watched(browser, f"http://{broker.http}/") as it:
        page = it.open()
        it.until("records come in", lambda: it.figure("Records in") not in ("–", "0/s"))
        page.wait_for_timeout(4000)
        page.click("#pause")
        chart = page.get_by_role("slider", name="Moment of: Records per second")
        chart.focus()
        whens = page.locator("figure .when")
        of_now = whens.all_inner_texts()
        told = []
        for key in ("ArrowLeft", "ArrowLeft", "Home", "End"):
            page.keyboard.press(key)
            told.append(chart.get_attribute("aria-valuetext"))
            moments = {"at " + told[-1].split(": ")[0]}
            same(set(whens.all_inner_texts()), moments, "which moment all charts tell of")
            same(" in " in told[-1] and ", out " in told[-1], True, told[-1])
        same(told[2] < told[1] < told[0] < told[3], True, told)
        same(violations(it.page), [], "axe")
        page.keyboard.press("Escape")
        same(whens.all_inner_texts(), of_now, "let go")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Tab")
        same(whens.all_inner_texts(), of_now, "left")
        it.in_order()


def choices(browser: Browser, broker: Broker) -> None:
    """A topic can be chosen, and how far back charts go."""
    with Watched(browser, f"http://{broker.http}/") as it:
        page = it.open()
        it.until("a topic is offered", lambda: page.locator("#topic option[value=orders]").count() == 1)
        page.select_option("#topic", "orders")
        same(page.locator("figure h3").first.inner_text(), "Records per second of orders", "title")
        it.until("its line is drawn", lambda: page.evaluate(DRAWN) > 3)
        rows = page.locator("#groups tbody tr td:nth-child(2)").all_inner_texts()
        same(set(rows), {"orders"}, "topics of groups")
        page.select_option("#topic", "")
        it.until("all are drawn", lambda: page.evaluate(DRAWN) > 3)
        wide = page.evaluate(DRAWN)
        page.select_option("#span", "60")
        it.until("a minute is drawn wider", lambda: page.evaluate(DRAWN) > wide * 2)
        it.in_order()


def colours_change(browser: Browser, broker: Broker) -> None:
    """Charts follow when the system gets dark."""
    with Watched(browser, f"http://{broker.http}/") as it:
        page = it.open()
        it.until("a line is drawn", lambda: page.evaluate(DRAWN) > 3)
        page.emulate_media(color_scheme="dark")
        it.until("it is drawn in the colours of the dark", lambda: page.evaluate(DRAWN) > 3)
        it.in_order()


def history(browser: Browser, broker: Broker) -> None:
    """A page that is loaded again shows what was before."""
    with Watched(browser, f"http://{broker.http}/") as it:
        page = it.open()
        it.until("much is drawn", lambda: page.evaluate(DRAWN) > 20)
        before = page.evaluate(DRAWN)
        page.reload()
        it.until("as much is drawn", lambda: page.evaluate(DRAWN) >= before)
        it.in_order()


def gaps(browser: Browser, broker: Broker) -> None:
    """Between points of a topic that are far apart nothing is drawn."""
    with Watched(browser, f"http://{broker.http}/") as it:
        found = it.open().evaluate(TOPIC_HISTORY, [1000, 2000, 60_000, 61_000])
        same(found["at_ms"], [1000, 2000, 59_999, 60_000, 61_000], "times")
        same(found["records_in"], [1, 1, None, 1, 1], "figures")
        it.in_order()


def hostile(browser: Browser, broker: Broker) -> None:
    """Whatever names, reasons and values are, they are text."""
    with Watched(browser, f"http://{broker.http}/", "phone") as it:
        page = it.page
        long = "n" * 249
        refusal = {
            "at_ms": 1, "topic": long, "partition": 0, "index": 7, "fate": "rejected",
            "reason": HOSTILE, "value": f"\u202e{HOSTILE}\n\0\u2028</td></table><script>alert(1)</script>",
        }  # fmt: skip
        snapshot = caught_snapshot(browser, broker)
        snapshot |= {"refusals": [refusal], "refusals_withheld": 3}
        snapshot["topics"]["count"] = 10_000
        snapshot["topics"]["rows"][0]["name"] = long
        snapshot["contracts"] |= {
            "count": 1, "good": 1, "bad": 2, "rule_count": 1,
            "rules": [{"topic": long, "column": HOSTILE, "rule": HOSTILE, "count": 2}],
        }  # fmt: skip
        page.route(
            "**/live", lambda route: route.fulfill(content_type="text/event-stream", body=stream(snapshot))
        )
        it.open()
        it.until("a bad record is shown", lambda: page.locator("#refusals tbody tr").count() == 1)
        same(page.inner_text("#refusals .reason"), HOSTILE, "reason")
        same("</td></table><script>" in page.inner_text("#refusals .value"), True, "value")
        note = page.inner_text("#refusals-note")
        same("topics that you may not read are not shown: 3 of" in note, True, note)
        same(HOSTILE in page.inner_text("#groups"), True, "the name of a group")
        same(page.locator("main img, main script").count(), 0, "what names brought with them")
        same("owned" in page.title(), False, "script of a name")
        more = f"{10_000 - len(snapshot['topics']['rows']):,} more are not"
        same(more in page.inner_text("#topics-note"), True, "how many more there are")
        same(page.evaluate("document.documentElement.scrollWidth"), SIZES["phone"][0], "width")
        same(violations(page), [], "axe")
        # The stream that was put there ends.
        it.in_order(is_missed=True)


def caught_snapshot(browser: Browser, broker: Broker) -> dict:
    """A snapshot as the broker sends it."""
    with Watched(browser, f"http://{broker.http}/") as it:
        it.open()
        caught = it.page.evaluate(
            "() => new Promise((resolve) => { const source = new EventSource('/live');"
            "source.addEventListener('snapshot', ({ data }) => { source.close(); resolve(data); }); })"
        )
        return json.loads(caught)


def stream(snapshot: dict) -> str:
    history = {name: [value] for name, value in snapshot["now"].items()}
    later = snapshot | {"now": snapshot["now"] | {"at_ms": snapshot["now"]["at_ms"] + 1000}}
    events = [("history", history), ("snapshot", later)]
    return "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events)


def contracts(browser: Browser, broker: Broker, tamis: str, folder: str) -> None:
    """What a contract finds is shown by rule, and the record with its reason."""
    contract = Path(folder) / "payments.odcs.yaml"
    contract.write_text(CONTRACT)
    create = [tamis, "topic", "create", "payments", "--contract", contract, "--on-invalid", "dead-letter"]
    subprocess.run([*create, "--bootstrap", broker.bootstrap], check=True, capture_output=True)
    send(broker.bootstrap, "payments", ['{"amount": 5}', json.dumps({"amount": -1, "note": HOSTILE})])
    with Watched(browser, f"http://{broker.http}/") as it:
        page = it.open()
        it.until("a bad record is shown", lambda: page.locator("#refusals tbody tr").count() == 1)
        found = page.locator("#contracts tbody td").all_inner_texts()
        same(found[:4], ["put into the topic of dead letters", "1", "1", "1"], "what the contract found")
        same(page.inner_text("#rules tbody tr").split("\t"), ["payments", "amount", "minimum", "1"], "rules")
        same("amount: minimum" in page.inner_text("#refusals .reason"), True, "reason")
        same("onerror" in page.inner_text("#refusals .value"), True, "value")
        same("not shown" in page.inner_text("#refusals-note"), False, "all may be read")
        same(page.locator("main img").count(), 0, "what values brought with them")
        same(page.is_hidden("#no-contracts"), True, "no word on having none")
        command = [tamis, "topic", "create", "shut", "--config", "tamis.on.invalid=reject"]
        subprocess.run([*command, "--bootstrap", broker.bootstrap], check=True, capture_output=True)
        shut = page.locator("#contracts tbody tr", has_text="shut")
        it.until("a topic that takes nothing is told of", lambda: shut.count() == 1)
        same("and all others" in shut.inner_text(), True, shut.inner_text())
        page.select_option("#topic", "shut")
        same(page.inner_text("#refusals-note"), "None of the last bad records was for shut.", "note")
        it.in_order()


def end_and_return(browser: Browser, tamis: str, folder: str, broker: Broker) -> Broker:
    """A page that is open says that the broker is gone, and goes on when it is back."""
    with Watched(browser, f"http://{broker.http}/") as it:
        it.open()
        it.until_live()
        it.in_order()
        broker.end()
        it.until("the end is told", lambda: it.status() == "The broker is ending")
        it.until("it is missed", lambda: it.status().startswith("No connection to the broker"))
        same(violations(it.page), [], "axe")
        port = int(broker.bootstrap.rpartition(":")[2])
        again = Broker(tamis, folder, port=port, http=broker.http)
        it.until_live()
        same(it.page.locator("#topics tbody tr").count() >= 2, True, "topics are there again")
        it.in_order(is_missed=True)
        return again


def rights_withdrawn(browser: Browser, tamis: str, folder: str) -> None:
    """Who may not watch any more is told why, and watches again when that is mended."""
    data = Path(folder) / "guarded"
    data.mkdir()
    grants = data / "grants.toml"
    granted = "[users.ann]\nmetrics = true\n"
    grants.write_text(granted)
    user = {"username": "ann", "password": "the password of ann"}
    add = [tamis, "user", "add", "ann", "--data", data]
    subprocess.run(add, input=user["password"], text=True, check=True, capture_output=True)
    broker = Broker(tamis, str(data), "--auth", "--grants", str(grants), http="127.0.0.1:0")
    try:
        with Watched(browser, f"http://{broker.http}/", user=user) as it:
            it.open()
            it.until_live()
            it.in_order()
            grants.write_text("[users.ann]\nread = ['*']\n")
            denied = "You may not watch this broker any more; trying again"
            it.until("the grant is missed", lambda: it.status() == denied)
            # By the events that are over, and by the answers that are none.
            it.page.wait_for_timeout(5000)
            same(it.status(), denied, "what is told later")
            same(violations(it.page), [], "axe")
            grants.write_text(granted)
            it.until_live()
            subprocess.run([tamis, "user", "remove", "ann", "--data", data], check=True, capture_output=True)
            it.until(
                "the user is missed", lambda: it.status().startswith("Your user is removed or has another")
            )
            asked = len(it.faults)
            it.page.wait_for_timeout(5000)
            same(len(it.faults), asked, "what is asked for in vain")
            same([fault for fault in it.faults if ABSENCE not in fault], [], "faults")
    finally:
        broker.kill()


CHECKS = [keyboard, pause, moments, choices, colours_change, history, gaps, hostile]


class Checks:
    """Runs checks, tells of each, and counts those that failed."""

    def __init__(self) -> None:
        self.failed = 0

    def run(self, check: Callable, *arguments: object) -> object:
        start = time.monotonic()
        result = None
        try:
            result = check(*arguments)
            outcome = "ok"
        except Exception:  # noqa: BLE001 - whatever the browser raises
            self.failed += 1
            outcome = "FAILED\n" + traceback.format_exc()
        print(f"page: {check.__name__} ({time.monotonic() - start:.1f} s) {outcome}", flush=True)
        return result


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tamis", required=True)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    parser.add_argument("--shots", type=Path, help="folder for pictures of the page")
    options = parser.parse_args()
    if not options.chromium:
        sys.exit("there is no chromium: install it (Debian: chromium), or say where it is by --chromium")
    if options.shots:
        options.shots.mkdir(parents=True, exist_ok=True)
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        broker = Broker(options.tamis, folder, http="127.0.0.1:0")
        # Root, whom containers have, cannot start it inside its own sandbox. Nothing is opened but our page.
        browser = playwright.chromium.launch(
            executable_path=options.chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        checks.run(first_run, browser, broker)
        with Load(broker.bootstrap, HOSTILE):
            for size in SIZES:
                for scheme in SCHEMES:
                    checks.run(looks(size, scheme, options.shots), browser, broker)
            for check in CHECKS:
                checks.run(check, browser, broker)
        checks.run(contracts, browser, broker, options.tamis, folder)
        again = checks.run(end_and_return, browser, options.tamis, folder, broker)
        (again or broker).kill()
        checks.run(rights_withdrawn, browser, options.tamis, folder)
        browser.close()
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
