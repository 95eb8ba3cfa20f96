"""A CSV log that continues where a resumed training continues."""

import csv
import math
from pathlib import Path

from ohlora_lib.store.atomic import atomic_path


class CsvLog:
    """Appends rows; on opening, drops rows later than the restored step.

    So are rows that a full disk has cut short; they are later, as a state is saved after its row.

    Args:
        path: the file; created with its header on the first row.
        step: the step training resumes from; rows with a larger `step` are dropped.
    """

    def __init__(self, path: str | Path, step: int) -> None:
        self.path = Path(path)
        if self.path.is_file():
            with self.path.open(newline="") as file:
                # a last line without an end is cut short, even where no column is missing
                whole = [line for line in file if line.endswith("\n")]
            header, *rows = list(csv.reader(whole)) or [[]]
            kept = [row for row in rows if self._step(header, row) <= step]
            if not kept:
                self.path.unlink()  # from the start, perhaps with other columns
                return
            with atomic_path(self.path) as part, part.open("w", newline="") as file:
                csv.writer(file).writerows([header, *kept])

    def add(self, **values: float | int | str) -> None:
        """Append one row; `step` must be among the values, and all rows have the same columns."""
        new = not self.path.is_file()
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(values))
            if new:
                writer.writeheader()
            writer.writerow(values)

    @staticmethod
    def _step(header: list[str], row: list[str]) -> float:
        """Return the step of a row; infinity for one that is no whole row."""
        number = dict(zip(header, row, strict=False)).get("step", "")
        return int(number) if len(row) == len(header) and number.isdecimal() else math.inf
