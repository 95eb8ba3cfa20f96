"""A CSV log that continues where a resumed training continues."""

import csv
from pathlib import Path


class CsvLog:
    """Appends rows; on opening, drops rows later than the restored step.

    Args:
        path: the file; created with its header on the first row.
        step: the step training resumes from; rows with a larger `step` are dropped.
    """

    def __init__(self, path: str | Path, step: int) -> None:
        self.path = Path(path)
        if self.path.is_file():
            with self.path.open(newline="") as file:
                rows = [row for row in csv.DictReader(file) if int(row["step"]) <= step]
            self.path.unlink()
            for row in rows:
                self.add(**row)

    def add(self, **values: float | int | str) -> None:
        """Append one row; `step` must be among the values, and all rows have the same columns."""
        new = not self.path.is_file()
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(values))
            if new:
                writer.writeheader()
            writer.writerow(values)
