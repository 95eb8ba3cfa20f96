"""What the page shows and does: the one state that all tabs share.

A page may be behind: another tab answers too, or the server was away for a while. So every request
says which answer it means, not "the next one", and carries a key by which a repetition
is recognised.
"""

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

from ohlora_lib.attributes import attribute
from ohlora_lib.labelling.agreement import agreement
from ohlora_lib.labelling.answers import SKIP, Answer, AnswerLog, Answers, Question, Value, is_value
from ohlora_lib.labelling.export import write_labels
from ohlora_lib.labelling.queue import Scores, Step

RECENT = 50  # answers that the speed is taken from
LONGEST = 60.0  # seconds; a longer answer was a break
MOVED = "Answered in another tab meanwhile; moved on."


class RequestError(Exception):
    """A request that no page of ours would send."""


@dataclass(frozen=True)
class Task:
    """What a person is asked to do."""

    population: str
    attributes: Sequence[str]
    steps: Sequence[Step]  # see `labelling.queue`
    scores: Scores  # what a classifier says
    annotator: str

    @cached_property
    def ids(self) -> list[int]:
        """Return the images, in the order of the steps."""
        return list(dict.fromkeys(step.id for step in self.steps))

    def asks(self, question: Question) -> bool:
        """Return whether this question belongs to it."""
        return question[0] in self._known and question[1] in self.attributes

    @cached_property
    def _known(self) -> set[int]:
        return set(self.ids)


def status(answers: Answers, task: Task) -> dict[str, Any]:
    """Return counts, speed and self-agreement, as JSON types."""
    known = {name: answers.values(name) for name in task.attributes}
    values = {name: [known[name].get(image) for image in task.ids] for name in task.attributes}
    counts = {
        name: {
            "answered": sum(value in (0, 1) for value in column),
            "skipped": column.count(SKIP),
            "yes": column.count(1),
            "open": column.count(None),
        }
        for name, column in values.items()
    }
    times = [min(line.seconds, LONGEST) for line in answers.history[-RECENT:] if line.seconds]
    seconds = median(times) if times else None
    repeats = sum(
        answers.value((step.id, step.attribute), repeat=True) is None
        for step in task.steps
        if step.repeat and known[step.attribute].get(step.id) != SKIP  # skipped ones come once
    )
    left = sum(count["open"] for count in counts.values()) + repeats
    return {
        "images": len(task.ids),
        "done": sum(None not in row for row in zip(*values.values(), strict=True)),
        "attributes": counts,
        "repeats_open": repeats,
        "per_minute": 60 / (seconds * len(task.attributes)) if seconds else None,
        "minutes_left": left * seconds / 60 if seconds else None,
        "agreement": {name: asdict(agreement(answers.pairs(name))) for name in task.attributes},
    }


class Session:
    """Takes requests of pages, from any thread."""

    def __init__(
        self,
        task: Task,
        log: AnswerLog,
        csv_path: str | Path,
        columns: Sequence[str] | None = None,
    ):
        """Serve `task`, log to `log`, and keep the label CSV up to date.

        `columns` are the CSV's, beside `id`; None: the task's attributes.
        """
        self.task = task
        self.columns = task.attributes if columns is None else columns
        self.csv_path = Path(csv_path)
        self._log = log
        self._lock = threading.Lock()
        self._warning: str | None = None  # why the CSV is behind the log
        # recognises pages whose list of questions is from before a restart with other options
        names = ",".join(f"{step.id}{step.attribute}{step.repeat}" for step in task.steps)
        self._queue = hashlib.sha256(names.encode()).hexdigest()[:12]

    def start(self) -> dict[str, Any]:
        """Return all that a page shows: questions, words, answers so far."""
        with self._lock:
            task, answers = self.task, self._log.answers
            return {
                "population": task.population,
                "annotator": task.annotator,
                "csv": str(self.csv_path),
                "attributes": [_words(name) for name in task.attributes],
                "steps": [
                    {
                        "id": step.id,
                        "attribute": step.attribute,
                        "repeat": step.repeat,
                        "value": answers.value((step.id, step.attribute), step.repeat),
                        "score": task.scores.get(step.attribute, {}).get(step.id),
                    }
                    for step in task.steps
                ],
                **self._news(len(answers.lines)),
            }

    def changes(self, since: int) -> dict[str, Any]:
        """Return what was answered after the first `since` lines of the log."""
        with self._lock:
            return self._news(since)

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Log one answer, or all of a grid.

        Args:
            request: `key`; `kind` (first, move, repeat); `seconds`; `items`, each with `id`,
                `attribute`, `value`; `since`, what the page knows.

        Returns:
            The news since then; `moved` where another tab was faster.

        Raises:
            RequestError: the request makes no sense; nothing is logged.
            OSError: the disk is full; nothing is logged.
        """
        key, since = _text(request, "key"), _since(request)
        kind, seconds = request.get("kind"), request.get("seconds")
        if kind not in ("first", "move", "repeat"):
            raise RequestError("kind must be first, move or repeat")
        if type(seconds) not in (int, float) or not 0 <= seconds <= 86400:
            raise RequestError("seconds must be a number from 0 to a day")
        items = self._items(request.get("items"))
        with self._lock:
            answers, lines, moved = self._log.answers, [], False
            for question, value in items.items():
                if answers.has(key, question):
                    continue  # sent again, as our reply was lost
                stands = answers.value(question)
                actual = kind
                if stands is None:
                    actual = "first"
                elif kind == "first":
                    moved = True
                    # a second opinion, unless the first was none
                    actual = "move" if stands == SKIP else "repeat"
                seconds_each = round(seconds / len(items), 3)
                lines.append(self._line(question, value, actual, key, seconds_each))
            self._write(lines)
            return self._news(since) | ({"moved": MOVED} if moved else {})

    def undo(self, request: dict[str, Any]) -> dict[str, Any]:
        """Take back the newest answer, or all of the newest grid.

        Args:
            request: `key`; `undoes`, the key of what the page takes for the newest, or null;
                `since`.

        Returns:
            The news since then; `back`, the question to show; `moved` where the newest is another.
        """
        key, since = _text(request, "key"), _since(request)
        target = None if request.get("undoes") is None else _text(request, "undoes")
        with self._lock:
            answers = self._log.answers
            before = [line for line in answers.lines if line.key == key]
            if before:  # sent again; after a crash while it was written some may be left
                target = before[0].undoes
            newest = answers.history[-1] if answers.history else None
            if newest is not None and not self.task.asks(newest.question):
                return self._news(since) | {"moved": "The newest answer is to another question."}
            if newest is None or (target is not None and newest.key != target):
                done = any(line.undoes == target for line in answers.lines if target)
                stale = newest is not None and not done
                text = "Another tab answered since; press again to take that back."
                return self._news(since) | ({"moved": text} if stale else {})
            batch = []
            for line in reversed(answers.history):
                if line.key != newest.key:
                    break
                batch.append(line)
            lines = [self._line(line.question, None, "undo", key, 0, line.key) for line in batch]
            self._write(lines)
            first = batch[-1]
            back = {"id": first.id, "attribute": first.attribute, "repeat": first.kind == "repeat"}
            return self._news(since) | {"back": back}

    def export(self) -> dict[str, Any]:
        """Write the label CSV now, and return its `rows`.

        Raises:
            OSError: it cannot be written; an older one stays.
        """
        with self._lock:
            return {"rows": self._write_labels(), "csv": str(self.csv_path)}

    def _items(self, items: Any) -> dict[Question, Value]:
        """Check the answers of a request."""
        if not isinstance(items, list) or not items:
            raise RequestError("items must be a list of answers")
        checked: dict[Question, Value] = {}
        for item in items:
            if not isinstance(item, dict):
                raise RequestError("an item must have id, attribute and value")
            image, name, value = item.get("id"), item.get("attribute"), item.get("value")
            if type(image) is not int or not isinstance(name, str) or not is_value(value):
                raise RequestError("an item must have id, attribute and value")
            if not self.task.asks((image, name)):
                raise RequestError(f"image {image}, {name}: not asked here")
            if (image, name) in checked:
                raise RequestError(f"image {image}: {name} is answered twice")
            checked[image, name] = value
        return checked

    def _line(
        self,
        question: Question,
        value: Value | None,
        kind: str,
        key: str,
        seconds: float,
        undoes: str | None = None,
    ) -> Answer:
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        return Answer(*question, value, kind, key, time, seconds, self.task.annotator, undoes)

    def _write(self, lines: list[Answer]) -> None:
        """Log lines; the CSV follows, but as the log has all, it may also follow later."""
        if not lines:
            return
        self._log.append(lines)
        try:
            self._write_labels()
            self._warning = None
        except OSError as error:
            self._warning = f"{self.csv_path} cannot be written ({error.strerror}); the log can."

    def _write_labels(self) -> int:
        return write_labels(self.csv_path, self._log.answers, self.columns)

    def _news(self, since: int) -> dict[str, Any]:
        answers = self._log.answers
        touched = dict.fromkeys(line.question for line in answers.lines[since:])
        changes = [
            {
                "id": question[0],
                "attribute": question[1],
                "repeat": repeat,
                "value": answers.value(question, repeat),
            }
            for question in touched
            for repeat in (False, True)
        ]
        return {
            "queue": self._queue,
            "revision": len(answers.lines),
            "changes": changes,
            "status": status(answers, self.task),
            "warning": self._warning,
        }


def _text(request: dict[str, Any], name: str) -> str:
    value = request.get(name)
    if not isinstance(value, str) or not 8 <= len(value) <= 64:
        raise RequestError(f"{name} must be a text of 8 to 64 characters")
    return value


def _since(request: dict[str, Any]) -> int:
    value = request.get("since")
    if type(value) is not int or value < 0:
        raise RequestError("since must be a whole number")
    return value


def _words(name: str) -> dict[str, str]:
    """Return what the page calls an attribute and its answers."""
    words = attribute(name)
    return {"name": name, "question": words.question, "yes": words.yes, "no": words.no}
