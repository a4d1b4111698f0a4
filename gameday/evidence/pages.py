"""What a Parquet file would decode to, from its footer and its page headers, before anything is decoded.

The footer says what the writer wants to be believed; the header of a page says how large its buffer becomes
and how its values are encoded. So all headers are read: some 20 bytes a page. Format:
https://github.com/apache/parquet-format (PageHeader, in Thrift's compact protocol).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import pyarrow.parquet as pq

from gameday.evidence.bounds import OutOfBounds

# one row takes some 10 bytes of a file as gameday writes it, and decodes to some 60
MOST_ROWS, ROWS_AT_LEAST = 200_000_000, 1_000_000
MOST_DECODED, DECODED_AT_LEAST, DECODED_TIMES = 16 << 30, 64 << 20, 60
MOST_GROUPS = 5_000
MOST_FOOTER = 16 << 20
MOST_PAGES = 1_000_000
# PLAIN, PLAIN_DICTIONARY, RLE, RLE_DICTIONARY; no others are written, and some decode to their size squared
ENCODINGS = (0, 2, 3, 8)
DATA_PAGE, DICTIONARY_PAGE, DATA_PAGE_V2 = 0, 2, 3
HEADER_BYTES = 1 << 16
STOP, TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(13)


def check(path: Path, columns: Mapping[str, str]) -> None:
    """Raise OutOfBounds when a file has other columns than these, or decodes to more than its size explains.

    columns: the physical type of each, such as INT64; further ones are left alone, and are not to be read.
    """
    about = path.stat()
    _check(path, about.st_size, about.st_mtime_ns, tuple(columns.items()))


@lru_cache(maxsize=4)  # one file is read for each recorder
def _check(path: Path, size: int, _: int, known: tuple[tuple[str, str], ...]) -> None:
    columns = dict(known)
    with path.open("rb") as file:
        _check_footer(path, file, size)
        footer = pq.read_metadata(file)
        _check_rows(path, size, footer)
        _check_schema(path, footer, columns)
        left = min(MOST_DECODED, max(DECODED_AT_LEAST, size * DECODED_TIMES))
        for count, decoded in enumerate(_decoded(path, file, footer, columns, size), 1):
            left -= decoded
            if left < 0 or count > MOST_PAGES:
                raise OutOfBounds(f"{path.name} would decode to far more than its {size} bytes explain")


def _check_rows(path: Path, size: int, footer: Any) -> None:
    most_rows = min(MOST_ROWS, ROWS_AT_LEAST + size)
    counts = ((footer.num_rows, most_rows, "rows"), (footer.num_row_groups, MOST_GROUPS, "row groups"))
    for count, most, what in counts:
        if not 0 <= count <= most:
            raise OutOfBounds(f"{path.name} of {size} bytes has {count} {what}; {most} are the most")
    rows = sum(footer.row_group(number).num_rows for number in range(footer.num_row_groups))
    if rows != footer.num_rows:
        raise OutOfBounds(f"{path.name} says {footer.num_rows} rows, its row groups say {rows}")


def _decoded(
    path: Path, file: IO[bytes], footer: Any, columns: Mapping[str, str], size: int
) -> Iterator[int]:
    """The decoded bytes of every page of these columns."""
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        for place in range(group.num_columns):
            chunk = group.column(place)
            if chunk.path_in_schema in columns:
                if chunk.num_values != group.num_rows:
                    raise OutOfBounds(f"{path.name}: {chunk.path_in_schema} has not one value a row")
                yield from _pages(path, file, chunk, size)


def _check_footer(path: Path, file: IO[bytes], size: int) -> None:
    file.seek(max(0, size - 8))
    end = file.read(8)
    length = int.from_bytes(end[:4], "little")
    if size < 12 or end[4:] != b"PAR1" or length > size - 12:
        raise OutOfBounds(f"{path.name} is no Parquet file")
    if length > MOST_FOOTER:
        raise OutOfBounds(f"{path.name} has a footer of {length} bytes; {MOST_FOOTER} are the most")
    file.seek(0)


def _check_schema(path: Path, footer: Any, columns: Mapping[str, str]) -> None:
    for place in range(footer.num_columns):
        column = footer.schema.column(place)
        wanted = columns.get(column.path)
        if wanted is None and column.path.split(".")[0] in columns:
            raise OutOfBounds(f"{path.name}: {column.path} is not a plain column")
        if wanted is not None and (
            column.physical_type != wanted or column.max_repetition_level or column.max_definition_level > 1
        ):
            raise OutOfBounds(f"{path.name}: {column.path} is {column.physical_type}, not {wanted} a row")


def _pages(path: Path, file: IO[bytes], chunk: Any, size: int) -> Iterator[int]:
    """The decoded bytes of each page of a column chunk."""
    at = chunk.data_page_offset
    # a column without values may have a dictionary and no page of data, which then is at 0
    if chunk.has_dictionary_page and (at == 0 or 0 < chunk.dictionary_page_offset < at):
        at = chunk.dictionary_page_offset
    end = at + chunk.total_compressed_size
    if at < 0 or end > size or end < at:
        raise OutOfBounds(f"{path.name}: a column lies outside of the file")
    values = 0
    while at < end:
        file.seek(at)
        try:
            header, length = read_header(file.read(min(HEADER_BYTES, end - at)))
            kind, decoded, packed = header[1], header[2], header[3]
            of_kind = header.get({DATA_PAGE: 5, DICTIONARY_PAGE: 7, DATA_PAGE_V2: 8}.get(kind, 0), {})
            count, encoding = of_kind[1], of_kind[4 if kind == DATA_PAGE_V2 else 2]
        except (IndexError, KeyError, TypeError, ValueError):
            raise OutOfBounds(f"{path.name} has a page that cannot be read, at byte {at}") from None
        if min(decoded, packed, count) < 0 or encoding not in ENCODINGS:
            raise OutOfBounds(f"{path.name} has a page of a kind that no run writes, at byte {at}")
        values += count if kind != DICTIONARY_PAGE else 0
        at += length + packed
        yield decoded
    if at != end or values != chunk.num_values:
        raise OutOfBounds(f"{path.name}: the pages of {chunk.path_in_schema} are not what its footer says")


def read_header(data: bytes) -> tuple[dict[int, Any], int]:
    """A Thrift struct (compact protocol) as its fields by number, and how many bytes it takes.

    Raises IndexError when it goes on after the data, ValueError when it is none.
    """
    return _struct(data, 0, 0)


def _struct(data: bytes, at: int, depth: int) -> tuple[dict[int, Any], int]:
    if depth > 8:
        raise ValueError("too deep")
    fields: dict[int, Any] = {}
    number = 0
    while True:
        first = data[at]
        at += 1
        if first == STOP:
            return fields, at
        if first >> 4:
            number += first >> 4
        else:
            number, at = _signed(data, at)
        fields[number], at = _value(data, at, first & 0x0F, depth)


def _value(data: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (TRUE, FALSE):
        return kind == TRUE, at
    if kind in (I16, I32, I64):
        return _signed(data, at)
    if kind in (BYTE, DOUBLE):
        return None, at + (1 if kind == BYTE else 8)
    if kind == BINARY:
        length, at = _unsigned(data, at)
        return None, at + length
    if kind == STRUCT:
        return _struct(data, at, depth + 1)
    raise ValueError("a list has no place in the header of a page")


def _unsigned(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("too long")


def _signed(data: bytes, at: int) -> tuple[int, int]:
    value, at = _unsigned(data, at)
    return (value >> 1) ^ -(value & 1), at
