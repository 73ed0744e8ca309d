"""Rows and columns of a parquet file, read from its footer."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cards.findings import Shape

#: Arrow's names of the types → those of `datasets`.
_DTYPES = {"float": "float32", "double": "float64", "halffloat": "float16"}


def read_parquet_shape(path: Path) -> Shape:
    """The shape of a parquet file.

    Raises:
        ValueError: it is no parquet file, or a broken one.
        OSError: it cannot be read.
    """
    try:
        with pq.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
    except pa.ArrowException as error:
        raise ValueError(f"{path.name} is no parquet file") from error
    columns = {field.name: str(field.type) for field in schema}
    return Shape(rows, {name: _DTYPES.get(dtype, dtype) for name, dtype in columns.items()})
