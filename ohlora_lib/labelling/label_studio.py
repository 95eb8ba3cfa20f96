"""Answers as Label Studio exports them (JSON, JSON_MIN, CSV), in both directions.

A task is an image, recognised by the number at the end of its file name. Label Studio skips
whole tasks, by an annotation that `was_cancelled`; here a question is skipped, so such an
annotation stands for all questions of the task that no other annotation answers.
"""

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ohlora_lib.attributes import attribute
from ohlora_lib.errors import InputError
from ohlora_lib.labelling.answers import SKIP, Answer, AnswerLog, Answers, Question, Value, is_value
from ohlora_lib.labelling.session import Task
from ohlora_lib.store.atomic import atomic_path

FORMATS = ("label-studio", "label-studio-min", "csv")
REMEDY = "correct it and import again"


@dataclass(frozen=True)
class Annotation:
    """What one person said of one image."""

    image: int
    choices: Mapping[str, int]  # 0/1 by attribute
    cancelled: bool  # whether the other attributes were skipped
    annotator: str
    time: str  # ISO 8601; empty: unknown
    seconds: float


# ---- export


def export_tasks(path: str | Path, kind: str, answers: Answers, task: Task) -> int:
    """Write all answers, and the skips of images of which no question is open.

    Args:
        path: the file.
        kind: one of FORMATS.
        answers: the state of the log.
        task: whose images and attributes.

    Returns:
        The number of images.
    """
    found = [item for image in sorted(task.ids) for item in _annotations(image, answers, task)]
    people = sorted({item.annotator for item in found})
    with atomic_path(path) as part:
        if kind == "csv":
            fields = ["annotation_id", "annotator", "created_at", *task.attributes, "id", "image"]
            with part.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, [*fields, "lead_time", "was_cancelled"], restval="")
                writer.writeheader()
                for item in found:
                    row = _row(item, people)
                    writer.writerow(row | {"was_cancelled": str(item.cancelled).lower()})
        else:
            rows = [_row(item, people) for item in found]
            document = rows if kind == "label-studio-min" else _tasks(found, people)
            part.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return len({item.image for item in found})


def _annotations(image: int, answers: Answers, task: Task) -> Iterator[Annotation]:
    standing = {name: answers.standing((image, name)) for name in task.attributes}
    given = {name: line for name, line in standing.items() if line and line.value != SKIP}
    skipped = {name: line for name, line in standing.items() if line and line.value == SKIP}
    sides = [(given, False)]
    if None not in standing.values():
        sides.append((skipped, True))
    for lines, cancelled in sides:
        if lines:
            last = max(lines.values(), key=lambda line: line.time)
            seconds = round(sum(line.seconds for line in lines.values()), 3)
            choices = {} if cancelled else {name: line.value for name, line in lines.items()}
            yield Annotation(image, choices, cancelled, last.annotator, last.time, seconds)


def _row(item: Annotation, people: Sequence[str]) -> dict[str, Any]:
    """Return an annotation as JSON_MIN has it."""
    row = {
        "id": item.image + 1,  # Label Studio counts from 1
        "image": f"{item.image:06d}.png",
        "annotation_id": 2 * item.image + 1 + item.cancelled,
        "annotator": people.index(item.annotator) + 1,
        "created_at": item.time,
        "lead_time": item.seconds,
        **{name: attribute(name).code(value) for name, value in item.choices.items()},
    }
    return row | ({"was_cancelled": True} if item.cancelled else {})


def _tasks(found: Sequence[Annotation], people: Sequence[str]) -> list[dict[str, Any]]:
    tasks: dict[int, dict[str, Any]] = {}
    for item in found:
        row = _row(item, people)
        empty = {"id": row["id"], "data": {"image": row["image"]}, "annotations": []}
        results = [
            {
                "from_name": name,
                "to_name": "image",
                "type": "choices",
                "value": {"choices": [row[name]]},
            }
            for name in item.choices
        ]
        tasks.setdefault(item.image, empty)["annotations"].append(
            {
                "id": row["annotation_id"],
                "completed_by": row["annotator"],
                "was_cancelled": item.cancelled,
                "created_at": item.time,
                "lead_time": item.seconds,
                "result": results,
            }
        )
    return list(tasks.values())


# ---- import


def import_tasks(path: str | Path, log: AnswerLog, task: Task) -> str:
    """Log the answers of an export of Label Studio; answers that stand already stay.

    Of several annotations of a task the newest counts.

    Args:
        path: the file; its format follows from its contents.
        log: where to.
        task: whose images and attributes; other attributes in the file are ignored.

    Returns:
        What was added, in words.

    Raises:
        InputError: a task is wrong; nothing was added.
    """
    found, digest = read_export(path, task)
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    said: dict[Question, tuple[Value, Annotation]] = {}
    # answers before skips, older before newer: later ones replace
    for item in sorted(found, key=lambda item: (item.cancelled, item.time)):
        for name in task.attributes:
            question = (item.image, name)
            if name in item.choices:
                said[question] = item.choices[name], item
            elif item.cancelled:
                said.setdefault(question, (SKIP, item))
    lines: list[Answer] = []
    stay = differ = 0
    for question, (value, item) in said.items():
        stands = log.answers.value(question)
        if stands is not None:
            stay += 1
            differ += stands != value
            continue
        key = f"import-{digest}-{item.image}"
        seconds = round(item.seconds / (len(item.choices) or len(task.attributes)), 3)
        time = item.time or now
        lines.append(Answer(*question, value, "first", key, time, seconds, item.annotator))
    log.append(lines)
    skips = sum(line.value == SKIP for line in lines)
    text = f"{len(lines) - skips} answers and {skips} skips added"
    return text + (f"; {stay} stood already, {differ} of them different, and stay" if stay else "")


def read_export(path: str | Path, task: Task) -> tuple[list[Annotation], str]:
    """Read and check an export of Label Studio.

    Args:
        path: the file; its format follows from its contents.
        task: whose images and attributes.

    Returns:
        Its annotations, and a hash of the file.

    Raises:
        InputError: a task is wrong, or none has an answer to what the task asks.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); correct the path") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text; export it again") from error
    found = list(_read(path, text, task))
    if not any(item.choices or item.cancelled for item in found):
        names = ", ".join(task.attributes)
        raise InputError(f"{path} has no answer on {names}; name its attributes by --attributes")
    return found, hashlib.sha256(content).hexdigest()[:12]


def _read(path: Path, text: str, task: Task) -> Iterator[Annotation]:
    """Yield the annotations of a file in any of the formats."""
    if text.lstrip()[:1] in ("[", "{"):
        try:
            document = json.loads(text)
        except ValueError as error:
            raise InputError(f"{path} is not JSON ({error}); export it again") from None
        if not isinstance(document, list) or not all(isinstance(item, dict) for item in document):
            raise InputError(f"{path} is not a list of tasks; export it again as JSON or JSON_MIN")
        rows = document
    else:
        rows = _read_csv(path, text)
    seen: dict[int, Any] = {}
    for place, row in enumerate(rows, 1):
        named = row.get("id", f"number {place}")
        where = f"{path}, task {named}"
        data = row.get("data", row)
        image = _image(data.get("image") if isinstance(data, dict) else None, where, task)
        if seen.setdefault(image, named) != named:
            raise InputError(f"{where}: image {image} is task {seen[image]} too; {REMEDY}")
        if "data" not in row:
            yield _annotation(row, row, image, where, task)
            continue
        annotations = row.get("annotations")
        if not isinstance(annotations, list):
            raise InputError(f"{where}: it has no list of annotations; {REMEDY}")
        for item in annotations:
            if not isinstance(item, dict) or not isinstance(item.get("result"), list):
                raise InputError(f"{where}: an annotation has no list of results; {REMEDY}")
            yield _annotation(item, _choices(item["result"], where), image, where, task)


def _read_csv(path: Path, text: str) -> list[dict[str, Any]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = list(reader)
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: not CSV ({error}); {REMEDY}") from error
    if not {"id", "image"} <= set(reader.fieldnames or ()):
        raise InputError(
            f"{path} has no columns id and image; it is no CSV, JSON or JSON_MIN of Label Studio"
        )
    for row in rows:
        if None in row or None in row.values():
            raise InputError(f"{path}, task {row['id']}: more or fewer fields than the header has")
    return [{key: value for key, value in row.items() if value} for row in rows]


def _image(name: Any, where: str, task: Task) -> int:
    found = re.search(r"([0-9]{1,12})\.\w+$", name) if isinstance(name, str) else None
    if found is None:
        raise InputError(f"{where}: its image {name!r} has no name like 000012.png; {REMEDY}")
    image = int(found[1])
    if not task.asks((image, task.attributes[0])):
        raise InputError(f"{where}: image {image} is not among those to label; {REMEDY}")
    return image


def _choices(results: list[Any], where: str) -> dict[str, Any]:
    """Return the choices of an annotation as JSON_MIN has them."""
    found: dict[str, Any] = {}
    for result in results:
        if not isinstance(result, dict):
            raise InputError(f"{where}: a result is not an object; {REMEDY}")
        if result.get("type") == "choices":
            value = result.get("value")
            chosen = value.get("choices") if isinstance(value, dict) else None
            name = str(result.get("from_name"))
            single = isinstance(chosen, list) and len(chosen) == 1 and name not in found
            found[name] = chosen[0] if single else chosen
    return found


def _annotation(
    facts: Mapping[str, Any], choices: Mapping[str, Any], image: int, where: str, task: Task
) -> Annotation:
    cancelled = facts.get("was_cancelled", False)
    cancelled = cancelled is True or str(cancelled).lower() == "true"
    values = {}
    for name in task.attributes:
        if name in choices and not cancelled:
            words = attribute(name)
            chosen = choices[name]
            value = words.value(chosen) if isinstance(chosen, str) else None
            if not is_value(value):
                known = f"{words.code(1)} or {words.code(0)}"
                raise InputError(f"{where}: {name} is {chosen!r}, not {known}; {REMEDY}")
            values[name] = value
    try:
        seconds = float(facts.get("lead_time") or 0)
    except (TypeError, ValueError):
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise InputError(f"{where}: lead_time is {facts['lead_time']!r}, not seconds; {REMEDY}")
    person = facts.get("completed_by", facts.get("annotator")) or "unknown"
    person = person.get("email", "unknown") if isinstance(person, dict) else person
    time = facts.get("created_at")
    return Annotation(
        image,
        values,
        cancelled,
        f"Label Studio {person}",
        time if isinstance(time, str) else "",
        seconds,
    )
