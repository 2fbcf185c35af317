"""`texot doctor`: what this machine offers and what texot makes of it."""

import click

from texot.cli.options import example


@click.command(short_help="Show what this machine offers.", epilog=example("texot doctor"))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def doctor(as_json: bool) -> None:
    """Show Python, torch, devices, KeOps, compiler, threads, and which back end 'auto' picks and why."""
