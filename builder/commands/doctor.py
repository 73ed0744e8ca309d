"""`dimsum doctor`: what this machine has."""

from __future__ import annotations

from typing import Any

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def doctor(as_json: bool) -> None:
    """Print versions, devices and the embedded models found."""
    from builder.commands.output import make_console
    from builder.doctor import examine
    from dimsum.commands.output import print_json

    found: dict[str, Any] = examine()
    if as_json:
        print_json(found)
        return
    out = make_console()
    for part, values in found.items():
        out.print(part, style="bold")
        for name, value in values.items():
            out.print(f"  {name:<18} {value}", markup=False)
