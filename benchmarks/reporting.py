"""What the benchmarks share: their command line and the table they write."""

import argparse
from typing import Any

import pandas as pd


def argument_parser(doc: str) -> argparse.ArgumentParser:
    """Return a parser described by the first line of `doc`, with the option --csv."""
    parser = argparse.ArgumentParser(description=doc.strip().splitlines()[0])
    parser.add_argument("--csv", help="write every row to this file")
    return parser


def write(rows: list[dict[str, Any]], path: str | None) -> None:
    """Write all rows so far, so that an interrupted run leaves its part."""
    if path:
        pd.DataFrame(rows).to_csv(path, index=False)
