"""What axe finds wrong with a page for people who do not see it, or not well."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_axe = Axe()


def violations(page: Page) -> list[str]:
    """Each rule that is broken, with what breaks it first."""
    found = _axe.run(page).response["violations"]
    return [f"{it['id']}: {it['nodes'][0]['html'][:200]} {it['nodes'][0]['failureSummary']}" for it in found]
