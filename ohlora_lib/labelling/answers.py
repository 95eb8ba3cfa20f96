"""Answers of a person: a log that only grows, and the state that its lines lead to.

A line of the log is one answer as JSON. Nothing is ever changed in it: a correction and an undo are
lines too. A line counts once it is on the disk.
"""

import dataclasses
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ohlora_lib.errors import InputError

SKIP = "skip"  # the value of an image that the person would not decide on
KINDS = ("first", "move", "repeat", "undo")
REMEDY = "restore the file from a copy, or remove what is wrong in that line"

Question = tuple[int, str]  # image id, attribute
Value = int | str  # 0, 1 or SKIP


@dataclass(frozen=True)
class Answer:
    """One line of the log."""

    id: int  # of the image
    attribute: str
    value: Value | None  # None where an answer is taken back
    kind: str  # first; move: back at an answered one, replaces; repeat: asked again; undo
    key: str  # of the key press; those of one grid share it, so that they are taken back together
    time: str  # ISO 8601, UTC
    seconds: float  # taken by the person
    annotator: str
    undoes: str | None = None  # key of what an undo takes back

    @property
    def question(self) -> Question:
        """Return what was asked."""
        return self.id, self.attribute


class Answers:
    """The state after some lines of a log.

    Attributes:
        lines: all of them.
        history: the answers that were not taken back, oldest first.
    """

    def __init__(self, lines: Iterable[Answer] = ()):
        """Replay `lines`; ValueError says what does not fit."""
        self.lines: list[Answer] = []
        self.history: list[Answer] = []
        self._firsts: dict[Question, list[Answer]] = defaultdict(list)
        # with the answer that stood when it was asked again
        self._repeats: dict[Question, list[tuple[Answer, Answer]]] = defaultdict(list)
        self._seen: set[tuple[str, int, str]] = set()
        for line in lines:
            self.apply(line)

    def apply(self, line: Answer) -> None:
        """Add one line.

        Raises:
            ValueError: the line contradicts those before it; nothing is changed.
        """
        firsts, repeats = self._firsts[line.question], self._repeats[line.question]
        if line.kind == "undo":
            last = self.history[-1] if self.history else None
            if last is None or (last.question, last.key) != (line.question, line.undoes):
                raise ValueError("it takes back what is not the last answer")
            (repeats if last.kind == "repeat" else firsts).pop()
            self.history.pop()
        else:
            if (line.kind == "first") == bool(firsts):
                stands = "is answered already" if firsts else "is not answered yet"
                raise ValueError(f"image {line.id}, {line.attribute}: it {stands}")
            if line.kind == "repeat":
                repeats.append((firsts[-1], line))
            else:
                firsts.append(line)
            self.history.append(line)
        self.lines.append(line)
        self._seen.add((line.key, *line.question))

    def standing(self, question: Question, repeat: bool = False) -> Answer | None:
        """Return the answer that counts, or that to the same question asked again."""
        stack = self._repeats.get(question) if repeat else self._firsts.get(question)
        if not stack:
            return None
        return stack[-1][1] if repeat else stack[-1]

    def value(self, question: Question, repeat: bool = False) -> Value | None:
        """Return 0, 1 or SKIP, or None where there is no answer."""
        answer = self.standing(question, repeat)
        return None if answer is None else answer.value

    def values(self, attribute: str) -> dict[int, Value]:
        """Return the values of all images that have an answer to this."""
        stacks = self._firsts.items()
        return {
            image: stack[-1].value for (image, name), stack in stacks if stack and name == attribute
        }

    def has(self, key: str, question: Question) -> bool:
        """Return whether that key press is in the log with this question."""
        return (key, *question) in self._seen

    def pairs(self, attribute: str) -> list[tuple[int, int]]:
        """Return (answer, answer when asked again) of all images that one person answered twice."""
        pairs = []
        for question, stack in self._repeats.items():
            if question[1] == attribute and stack:
                first, again = stack[-1]
                if first.annotator == again.annotator and SKIP not in (first.value, again.value):
                    pairs.append((first.value, again.value))
        return pairs


class AnswerLog:
    """A log opened for writing. The caller holds the lock (see `labelling.server_lock`).

    Attributes:
        answers: the state.
    """

    def __init__(self, path: str | Path):
        """Open or create the log, and cut off a last line that a kill left unfinished.

        Raises:
            InputError: the log is damaged.
        """
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.answers, self._size = _replay(self.path)
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        if os.fstat(self._file).st_size != self._size:
            os.ftruncate(self._file, self._size)
        elif self._size and os.pread(self._file, 1, self._size - 1) != b"\n":
            self._size += os.pwrite(self._file, b"\n", self._size)
        folder = os.open(self.path.parent, os.O_RDONLY)
        os.fsync(folder)  # a new file's name must survive too
        os.close(folder)

    def append(self, lines: Sequence[Answer]) -> None:
        """Write lines, which fit those before them, to the disk and then to the state: all or none.

        Raises:
            OSError: the disk is full, or the file was taken away; nothing was added.
        """
        data = b"".join(
            json.dumps(_document(line), ensure_ascii=False).encode() + b"\n" for line in lines
        )
        now = os.stat(self.path)
        if not os.path.samestat(now, os.fstat(self._file)):
            raise FileNotFoundError(f"{self.path} was replaced while it was in use")
        if now.st_size != self._size:
            raise OSError(f"{self.path} was changed by another program while it was in use")
        try:
            written = 0
            while written < len(data):
                written += os.pwrite(self._file, data[written:], self._size + written)
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(data)
        for line in lines:
            self.answers.apply(line)

    def close(self) -> None:
        """Close the file; every answer is on the disk already."""
        os.close(self._file)


def read_log(path: str | Path) -> Answers:
    """Return the state that a log leads to, also while it is being written; empty if missing.

    Raises:
        InputError: a line is damaged, or contradicts those before it; the last may be torn.
    """
    return _replay(Path(path))[0]


def _replay(path: Path) -> tuple[Answers, int]:
    """Return the state and how many bytes of the file hold whole lines."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Answers(), 0
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); correct the path") from error
    answers, size = Answers(), 0
    lines = content.split(b"\n")
    for number, raw in enumerate(lines, 1):
        unfinished = number == len(lines)
        if unfinished and not raw:
            break
        try:
            line = _parse(raw)
        except ValueError as error:
            if unfinished:
                break  # the program was killed while writing it, so nobody has seen it saved
            raise InputError(f"{path}, line {number}: {error}; {REMEDY}") from None
        try:
            answers.apply(line)
        except ValueError as error:
            raise InputError(f"{path}, line {number}: {error}; {REMEDY}") from None
        size += len(raw) + (not unfinished)
    return answers, size


_FIELDS = {field.name for field in dataclasses.fields(Answer)}


def _document(line: Answer) -> dict:
    return {name: value for name, value in vars(line).items() if (name, value) != ("undoes", None)}


def _parse(raw: bytes) -> Answer:
    """Return the answer of a line; ValueError says what is wrong with it."""
    try:
        document = json.loads(raw)
    except ValueError:
        raise ValueError("not JSON") from None
    if not isinstance(document, dict) or not set(document) | {"undoes"} == _FIELDS:
        raise ValueError("not an answer (other fields than in the lines of this program)")
    line = Answer(**document)
    texts = (line.attribute, line.key, line.time, line.annotator)
    undo = line.kind == "undo"
    fits = (
        type(line.id) is int
        and line.id >= 0
        and all(isinstance(text, str) and text for text in texts)
        and line.kind in KINDS
        and type(line.seconds) in (int, float)
        and 0 <= line.seconds < float("inf")
        and isinstance(line.undoes, str) == undo
        and (line.value is None if undo else is_value(line.value))
    )
    if not fits:
        raise ValueError("not an answer (a field of a wrong type or out of range)")
    return line


def is_value(value: object) -> bool:
    """Return whether something is 0, 1 or SKIP."""
    return value == SKIP or (type(value) is int and value in (0, 1))
