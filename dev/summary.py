"""What the demo prints when the main job is done."""

from __future__ import annotations

from typing import Any

from dev.ports import Ports
from dev.say import say


def print_summary(progress: dict[str, Any], seconds: float, faults: list[str]) -> None:
    """Print the table: deals read, invoices made, signed, held back and why, seconds."""
    invoices = progress["invoices"]
    rows = [
        ("Deals read", progress["read"]),
        ("Invoices made", sum(count for status, count in invoices.items() if status != "draft")),
        ("Signed by the authority", invoices["signed"]),
        ("Refused by the authority", invoices["rejected"]),
        ("Held back", invoices["draft"]),
        *((f"  {each['reason']}", each["count"]) for each in progress["held"]),
        ("Not readable", progress.get("quarantined", 0)),
    ]
    width = max(len(name) for name, _ in rows) + 2
    say("\n  " + "─" * (width + 8))
    for name, count in rows:
        say(f"  {name:<{width}}{count:>8,}")
    say(f"  {'Seconds':<{width}}{seconds:>8.1f}")
    say("  " + "─" * (width + 8))
    if not faults:
        say("  The sandbox's authority holds exactly what should have been signed.")
        return
    say(f"  The sandbox's authority does not hold what it should ({len(faults)} differences):")
    for fault in faults[:10]:
        say(f"    {fault}")


def print_addresses(ports: Ports, people: tuple[str, ...], password: str) -> None:
    """Print where to look, and one log-in a role."""
    web = f"http://127.0.0.1:{ports.web}"
    say(f"\n  Pages      {web}/")
    say(f"  Admin      {web}/admin/")
    say(f"  API        {web}/api/docs/")
    say(f"  Sandbox    http://127.0.0.1:{ports.sandbox}/_control/received")
    say(f"  A till     http://127.0.0.1:{ports.sandbox}/square/till (ring up: it stands at {web}/sales/)")
    say(f"\n  Log in with the password {password} as")
    for person in people:
        say(f"    {person}@demo.example")
    say("    staff@taxpoynt.example (the admin)")
