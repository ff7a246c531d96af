"""`bench`."""

import importlib

import typer


def bench(context: typer.Context) -> None:
    """Run the benchmarks, each beside its baseline; arguments go to them."""
    # imported late: the benchmarks are no part of a running system
    main = importlib.import_module("benchmarks.run").main
    raise typer.Exit(main(context.args) or 0)
