"""Results as a small table: the first row is the heading."""

from __future__ import annotations

Table = list[tuple[str, ...]]


def show(title: str, table: Table) -> None:
    """Print a table; the first column is text, the others are figures."""
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    print(f"\n{title}")
    for row in table:
        first, *others = (
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  " + "  ".join([first, *others]), flush=True)
