"""The labelling page's log, queue, server and files; the page itself is in test_labelling_page."""

import csv
import errno
import http.client
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from ohlora_lib.attributes import ATTRIBUTES, attribute
from ohlora_lib.cli import main
from ohlora_lib.errors import InputError
from ohlora_lib.labelling.agreement import agreement
from ohlora_lib.labelling.answers import SKIP, Answer, AnswerLog, Answers, read_log
from ohlora_lib.labelling.export import label_table
from ohlora_lib.labelling.label_studio import FORMATS, export_tasks, import_tasks
from ohlora_lib.labelling.queue import Step, make_queue, read_scores
from ohlora_lib.labelling.server import LabelServer
from ohlora_lib.labelling.server_lock import locked
from ohlora_lib.labelling.session import RequestError, Session, Task, status
from ohlora_lib.populations.labels import read_labels
from ohlora_lib.store.png_images import EncodedImages
from ohlora_lib.store.shards import write_image_shard
from ohlora_lib.store.tables import write_table

ROOT = Path(__file__).parents[1]
NAMES = ("gender", "quality")
TIME = "2026-01-01T00:00:00.000+00:00"


def line(image, attribute, value, kind="first", key=None, undoes=None, annotator="anna", seconds=1):
    key = key or f"key-{image}-{attribute}-{kind}"
    return Answer(image, attribute, value, kind, key, TIME, seconds, annotator, undoes)


def task(count=4, attributes=NAMES, scores=None, order="id") -> Task:
    steps = make_queue(range(count), attributes, scores or {}, order, seed=0)
    return Task("original", attributes, steps, scores or {}, "anna")


def make_shards(folder: Path, count=6, shards=2, side=8) -> list[Path]:
    """Write a population of random pictures."""
    rng = np.random.default_rng(0)
    paths = []
    for index, ids in enumerate(np.array_split(np.arange(count), shards)):
        images = rng.integers(0, 256, (len(ids), side, side, 3), dtype=np.uint8)
        paths.append(folder / f"original/images/shard-{index:05d}.parquet")
        write_image_shard(paths[-1], ids, ids, np.zeros((len(ids), 2), np.float32), images)
    return paths


@pytest.fixture
def session(tmp_path) -> Session:
    return Session(task(), AnswerLog(tmp_path / "labels.jsonl"), tmp_path / "labels.csv")


def give(session, image, attribute, value, kind="first", key=None, since=0):
    key = key or f"key-{image}-{attribute}-{kind}-{value}"
    item = {"id": image, "attribute": attribute, "value": value}
    request = {"key": key, "kind": kind, "seconds": 1, "items": [item], "since": since}
    return session.answer(request)


# ---- the log

VALUES = st.sampled_from([0, 1, SKIP])
MOVES = st.lists(st.one_of(st.just("undo"), st.tuples(st.integers(0, 3), VALUES, st.booleans())))


@settings(max_examples=60, deadline=None)
@given(MOVES)
def test_replay_and_undo_lead_to_the_state_of_a_plain_model(tmp_path_factory, moves):
    path = tmp_path_factory.mktemp("log") / "labels.jsonl"
    log = AnswerLog(path)
    states = [({}, {})]  # the model: answers and repeats after each standing line
    for number, move in enumerate(moves):
        key = f"key-{number:04d}"
        firsts, repeats = map(dict, states[-1])
        if move == "undo":
            if len(states) > 1:
                last = log.answers.history[-1]
                log.append([line(*last.question, None, "undo", key, last.key)])
                states.pop()
            continue
        image, value, again = move
        kind = "first" if image not in firsts else "repeat" if again else "move"
        (repeats if kind == "repeat" else firsts)[image] = value
        log.append([line(image, "gender", value, kind, key)])
        states.append((firsts, repeats))
    log.close()
    for answers in (log.answers, read_log(path)):
        for again, values in enumerate(states[-1]):
            found = {image: answers.value((image, "gender"), bool(again)) for image in range(4)}
            assert {key: value for key, value in found.items() if value is not None} == values
    assert read_log(path).lines == log.answers.lines


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 400))
def test_a_line_cut_short_anywhere_loses_no_line_before_it(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("log") / "labels.jsonl"
    log = AnswerLog(path)
    log.append([line(0, "gender", 1)])
    whole = path.stat().st_size
    log.append([line(1, "gender", 0)])
    log.close()
    content = path.read_bytes()
    path.write_bytes(content[: max(whole, len(content) - cut)])
    log = AnswerLog(path)
    # without its newline the last line is whole
    assert len(log.answers.lines) == (2 if cut <= 1 else 1)
    log.append([line(2, "gender", SKIP)])
    log.close()
    assert read_log(path).value((2, "gender")) == SKIP
    assert path.read_bytes().startswith(content[:whole])


@pytest.mark.parametrize(
    ("number", "text", "sentence"),
    [
        (1, "{", "line 1: not JSON"),
        (2, "[]", "line 2: not an answer (other fields"),
        (1, '{"id": 1}', "line 1: not an answer (other fields"),
        (2, ("value", 2), "line 2: not an answer (a field of a wrong type"),
        (2, ("value", True), "line 2: not an answer (a field"),
        (2, ("id", -1), "line 2: not an answer (a field"),
        (2, ("seconds", float("nan")), "line 2: not an answer (a field"),
        (2, ("kind", "second"), "line 2: not an answer (a field"),
        (2, ("id", 0), "line 2: image 0, gender: it is answered already"),
        (2, ("kind", "repeat"), "line 2: image 1, gender: it is not answered yet"),
    ],
)
def test_a_damaged_log_is_refused_in_one_sentence(tmp_path, number, text, sentence):
    path = tmp_path / "labels.jsonl"
    log = AnswerLog(path)
    log.append([line(image, "gender", 1) for image in range(3)])
    log.close()
    lines = path.read_text().splitlines()
    if isinstance(text, tuple):
        text = json.dumps(json.loads(lines[number - 1]) | dict([text]))
    lines[number - 1] = text
    path.write_text("\n".join(lines) + "\n")
    before = path.read_bytes()
    with pytest.raises(InputError, match="labels.jsonl") as error:
        AnswerLog(path)
    assert sentence in str(error.value) and "\n" not in str(error.value)
    assert path.read_bytes() == before


def test_an_undo_of_something_else_is_damage():
    first = line(0, "gender", 1)
    with pytest.raises(ValueError, match="not the last answer"):
        Answers([first, line(1, "gender", None, "undo", "key-x", first.key)])


@pytest.mark.parametrize("failing", ["pwrite", "fsync"])
def test_a_full_disk_acknowledges_nothing_and_damages_nothing(session, monkeypatch, failing):
    give(session, 0, "gender", 1)
    path = session._log.path
    before = path.read_bytes()
    real, calls = os.pwrite, []

    def half_written(file, data, offset):
        if calls:
            raise OSError(errno.ENOSPC, "No space left on device")
        calls.append(real(file, data[: len(data) // 2], offset))
        return calls[0]

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, failing, half_written if failing == "pwrite" else full)
        with pytest.raises(OSError, match="No space left"):
            give(session, 0, "quality", 1)
    assert path.read_bytes() == before
    assert session.changes(0)["status"]["attributes"]["quality"]["answered"] == 0
    news = give(session, 0, "quality", 1)  # sent again
    assert news["status"]["done"] == 1 and news["warning"] is None
    assert len(read_log(path).lines) == 2


def test_an_answer_stays_where_only_the_csv_cannot_be_written(session, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("ohlora_lib.labelling.session.write_labels", full)
    news = give(session, 0, "gender", 1)
    assert "labels.csv cannot be written (No space left" in news["warning"]
    assert read_log(tmp_path / "labels.jsonl").value((0, "gender")) == 1


def test_a_log_that_was_replaced_takes_no_answer(session):
    give(session, 0, "gender", 1)
    path = session._log.path
    path.rename(path.with_suffix(".old"))
    path.write_bytes(b"")
    with pytest.raises(OSError, match="replaced"):
        give(session, 1, "gender", 1)
    path.unlink()
    with pytest.raises(OSError, match="No such file"):
        give(session, 1, "gender", 1)


def test_a_second_server_on_the_same_log_is_refused(tmp_path):
    path = tmp_path / "original.lock"
    with locked(path) as lock:
        lock.address.port = 4321
        lock.save()
        with pytest.raises(InputError, match=r"another ohlora label at http://127.0.0.1:4321/"):
            with locked(path):
                pass
        token = lock.address.token
    assert path.stat().st_mode & 0o777 == 0o600
    with locked(path) as lock:
        assert (lock.address.port, lock.address.token) == (4321, token)
    path.write_text("{")
    with locked(path) as lock:
        assert lock.address.token != token and len(lock.address.token) >= 32


# ---- the session


def test_a_stale_tab_loses_nothing_and_is_moved_on(session):
    assert "moved" not in give(session, 0, "gender", 1)
    news = give(session, 0, "gender", 0, key="other-tab")
    assert "moved" in news
    answers = read_log(session._log.path)
    assert answers.value((0, "gender")) == 1
    assert answers.value((0, "gender"), repeat=True) == 0  # a second opinion
    assert {"id": 0, "attribute": "gender", "repeat": False, "value": 1} in news["changes"]


def test_an_answer_sent_twice_is_logged_once(session):
    for _ in range(3):
        news = give(session, 0, "gender", 1, key="same-key-press")
        assert "moved" not in news and news["revision"] == 1
    undo = {"key": "one-undo", "undoes": "same-key-press", "since": 1}
    for _ in range(3):
        assert session.undo(undo)["revision"] == 2
    assert give(session, 0, "gender", 1, key="same-key-press")["revision"] == 2


def test_a_grid_is_taken_back_as_one_also_after_a_crash_in_between(session):
    items = [{"id": image, "attribute": "gender", "value": 1} for image in range(4)]
    request = {"key": "a-grid-of-4", "kind": "first", "seconds": 8, "items": items, "since": 0}
    give(session, 0, "quality", 1)
    session.answer(request)
    log = session._log
    # of an undo that was being written, only two lines reached the disk
    for image in (3, 2):
        log.append([line(image, "gender", None, "undo", "one-undo", "a-grid-of-4")])
    session.undo({"key": "one-undo", "undoes": "a-grid-of-4", "since": 0})
    assert [answer.question for answer in log.answers.history] == [(0, "quality")]
    news = session.undo({"key": "next-undo", "undoes": None, "since": 0})
    assert news["back"] == {"id": 0, "attribute": "quality", "repeat": False}
    assert log.answers.history == []
    assert session.undo({"key": "last-undo", "undoes": None, "since": 0})["revision"] == 10


def test_undo_leaves_the_answers_of_another_tab(session):
    give(session, 0, "gender", 1, key="first-tab")
    give(session, 1, "gender", 1, key="other-tab")
    news = session.undo({"key": "one-undo", "undoes": "first-tab", "since": 2})
    assert "Another tab" in news["moved"] and news["revision"] == 2


def test_undo_leaves_answers_to_other_questions(tmp_path):
    log = AnswerLog(tmp_path / "labels.jsonl")
    log.append([line(0, "age", 1)])
    session = Session(task(), log, tmp_path / "labels.csv")
    news = session.undo({"key": "one-undo", "undoes": None, "since": 0})
    assert "another question" in news["moved"] and len(log.answers.history) == 1


def test_a_correction_replaces_and_undo_brings_the_old_answer_back(session):
    give(session, 0, "gender", 1)
    give(session, 0, "gender", 0, kind="move", key="correction")
    assert session._log.answers.value((0, "gender")) == 0
    session.undo({"key": "one-undo", "undoes": "correction", "since": 0})
    assert session._log.answers.value((0, "gender")) == 1
    give(session, 1, "gender", SKIP)
    give(session, 1, "gender", 0, key="after-a-skip")  # an answer is better than a skip
    assert session._log.answers.value((1, "gender")) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"key": "short"},
        {"kind": "undo"},
        {"seconds": -1},
        {"seconds": "1"},
        {"since": -1},
        {"items": []},
        {"items": [{"id": 9, "attribute": "gender", "value": 1}]},
        {"items": [{"id": 0, "attribute": "age", "value": 1}]},
        {"items": [{"id": 0, "attribute": ["gender"], "value": 1}]},
        {"items": [{"id": 0, "attribute": "gender", "value": 2}]},
        {"items": [{"id": 0, "attribute": "gender", "value": True}]},
        {"items": 2 * [{"id": 0, "attribute": "gender", "value": 1}]},
    ],
)
def test_requests_without_sense_change_nothing(session, change):
    item = {"id": 0, "attribute": "gender", "value": 1}
    request = {"key": "key-0000", "kind": "first", "seconds": 1, "items": [item], "since": 0}
    with pytest.raises(RequestError):
        session.answer(request | change)
    assert not session._log.answers.lines


def test_status_counts_pictures_speed_and_agreement():
    work = task(count=40)
    again = [step.id for step in work.steps if step.repeat]
    answers = Answers(line(image, name, image % 2) for image in range(39) for name in NAMES)
    for image in dict.fromkeys(again):
        answers.apply(line(image, "gender", 1 - image % 2, "repeat"))
    numbers = status(answers, work)
    assert (numbers["done"], numbers["images"]) == (39, 40)
    assert numbers["attributes"]["gender"] == {"answered": 39, "skipped": 0, "yes": 19, "open": 1}
    assert numbers["per_minute"] == 30 and numbers["repeats_open"] == len(again) // 2
    assert numbers["minutes_left"] == pytest.approx((2 + len(again) // 2) / 60)
    assert numbers["agreement"]["gender"]["share"] == 0
    assert numbers["agreement"]["quality"]["pairs"] == 0


def test_agreement_is_that_of_cohen():
    # 20 yes/yes, 5 and 10 different, 15 no/no: the textbook example, kappa 0.4
    pairs = 20 * [(1, 1)] + 5 * [(1, 0)] + 10 * [(0, 1)] + 15 * [(0, 0)]
    result = agreement(pairs)
    assert (result.pairs, result.share) == (50, 0.7)
    assert result.kappa == pytest.approx(0.4)
    assert agreement([(1, 1)]).kappa is None and agreement([]).share is None


def test_answers_of_two_people_or_skips_are_no_self_agreement():
    answers = Answers(
        [
            line(0, "gender", 1),
            line(0, "gender", 0, "repeat", annotator="bert"),
            line(1, "gender", 1),
            line(1, "gender", SKIP, "repeat"),
            line(2, "gender", 1),
            line(2, "gender", 0, "repeat"),
            line(2, "gender", 0, "move"),  # the answer at the time of asking again counts
        ]
    )
    assert answers.pairs("gender") == [(1, 0)]


# ---- the queue


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 300), st.sampled_from(["id", "uncertain"]), st.integers(0, 5))
def test_the_queue_asks_everything_once_and_a_twentieth_again_later(count, order, seed):
    rng = np.random.default_rng(seed)
    scores = {"gender": dict(enumerate(rng.random(count)))}
    steps = make_queue(range(count), NAMES, scores, order, seed)
    assert steps == make_queue(range(count), NAMES, scores, order, seed)
    first = [step.id for step in steps if not step.repeat]
    assert sorted(first) == sorted(2 * list(range(count)))
    again = [step for step in steps if step.repeat]
    images = {step.id for step in again}
    assert len(again) == 2 * len(images)
    assert len(images) == (max(round(count / 20), 1) if count > 1 else 0)
    for step in again:
        between = steps[steps.index(Step(step.id, step.attribute)) : steps.index(step)]
        assert len({item.id for item in between}) >= min(20, count // 2)


def test_uncertain_images_come_first_those_without_a_score_last():
    scores = {"gender": {0: 0.9, 1: 0.45, 2: 1.0}, "quality": {0: 0.8, 2: 0.52}}
    steps = make_queue([0, 1, 2, 3], NAMES, scores, "uncertain", 0)
    assert [step.id for step in steps if not step.repeat][::2] == [2, 1, 0, 3]
    steps = make_queue([3, 0, 2, 1], NAMES, scores, "id", 0)
    assert [step.id for step in steps if not step.repeat][::2] == [0, 1, 2, 3]


def test_scores_are_read_where_a_classifier_exists(tmp_path):
    path = tmp_path / "classifiers/gender/predictions.parquet"
    write_table(path, pd.DataFrame({"id": [0, 1], "fold_0": [0.2, 0.4], "mean": [0.2, 0.4]}))
    assert read_scores(tmp_path, NAMES) == {"gender": {0: 0.2, 1: 0.4}}
    write_table(path, pd.DataFrame({"id": [0], "mean": [float("nan")]}))
    with pytest.raises(InputError, match="outside 0-1"):
        read_scores(tmp_path, NAMES)


# ---- Label Studio

ROWS = st.lists(
    st.tuples(*(st.sampled_from([0, 1, SKIP, None]) for _ in NAMES)), min_size=1, max_size=6
)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.sampled_from(FORMATS))
def test_label_studio_round_trip_keeps_every_answer(tmp_path_factory, rows, kind):
    folder = tmp_path_factory.mktemp("studio")
    lines = [
        line(image, name, value)
        for image, row in enumerate(rows)
        for name, value in zip(NAMES, row, strict=True)
        if value is not None
    ]
    work, answers = task(len(rows)), Answers(lines)
    path = folder / "export"
    export_tasks(path, kind, answers, work)
    log = AnswerLog(folder / "labels.jsonl")
    if not any(
        value in (0, 1) or (value == SKIP and None not in row) for row in rows for value in row
    ):
        with pytest.raises(InputError, match="no answer"):
            import_tasks(path, log, work)
        return
    import_tasks(path, log, work)
    for image, row in enumerate(rows):
        # a skip in an image that is not finished is asked again
        expected = [None if None in row and value == SKIP else value for value in row]
        assert [log.answers.value((image, name)) for name in NAMES] == expected
    assert read_log(log.path).lines == log.answers.lines
    size = log.path.stat().st_size
    text = import_tasks(path, log, work)
    assert text.startswith("0 answers and 0 skips added; ") and "0 of them different" in text
    assert log.path.stat().st_size == size
    log.close()


def studio_task(number=1, image="000000.png", choice="female", **annotation) -> dict:
    result = {
        "from_name": "gender",
        "to_name": "image",
        "type": "choices",
        "value": {"choices": [choice]},
    }
    whole = {"id": 1, "completed_by": 1, "was_cancelled": False, "created_at": TIME, "lead_time": 2}
    whole |= {"result": [result]} | annotation
    return {"id": number, "data": {"image": image}, "annotations": [whole]}


def test_an_export_looks_as_label_studio_writes_it(tmp_path):
    answers = Answers([line(0, "gender", 1), line(1, "gender", SKIP), line(1, "quality", SKIP)])
    for kind in FORMATS:
        assert export_tasks(tmp_path / kind, kind, answers, task()) == 2
    first, second = json.loads((tmp_path / "label-studio").read_text())
    assert first == studio_task(completed_by=1, lead_time=1)
    assert second["annotations"][0]["was_cancelled"] and not second["annotations"][0]["result"]
    row = json.loads((tmp_path / "label-studio-min").read_text())[0]
    assert row["gender"] == "female" and row["image"] == "000000.png" and "quality" not in row
    with (tmp_path / "csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["gender"] for row in rows] == ["female", ""]
    assert [row["was_cancelled"] for row in rows] == ["false", "true"]


def test_the_newest_annotation_counts_and_own_answers_stay(tmp_path):
    log = AnswerLog(tmp_path / "labels.jsonl")
    log.append([line(1, "gender", 1)])
    old, new = studio_task(), studio_task(choice="male", created_at="2026-02-01T00:00:00Z")
    old["annotations"].insert(0, new["annotations"][0])
    other = studio_task(2, "/data/upload/7/3f-000001.png", "male", completed_by={"email": "a@b.c"})
    path = tmp_path / "export.json"
    path.write_text(json.dumps([old, other, studio_task(3, "2.jpg", annotations=[])]))
    text = import_tasks(path, log, task())
    assert text == "2 answers and 0 skips added; 1 stood already, 1 of them different, and stay"
    assert log.answers.value((0, "gender")) == 0 and log.answers.value((1, "gender")) == 1


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"tasks": []}, "not a list of tasks"),
        ([3], "not a list of tasks"),
        ([studio_task(7, choice="woman")], "task 7: gender is 'woman', not female or male"),
        ([studio_task(7, image="face.png")], "task 7: its image 'face.png' has no name like"),
        ([studio_task(7, image="000009.png")], "task 7: image 9 is not among those to label"),
        ([studio_task(7), studio_task(8)], "task 8: image 0 is task 7 too"),
        ([studio_task(7, result="none")], "task 7: an annotation has no list of results"),
        ([studio_task(7, result=[None])], "task 7: a result is not an object"),
        ([studio_task(7, lead_time="long")], "task 7: lead_time is 'long', not seconds"),
        ([studio_task(7) | {"annotations": None}], "task 7: it has no list of annotations"),
        ([studio_task(7) | {"data": None}], "task 7: its image None has no name"),
        (
            [{"id": 7, "image": "0.png", "gender": {"choices": ["female", "male"]}}],
            "task 7: gender",
        ),
        ([studio_task(7, result=[])], "has no answer on gender, quality"),
        ([], "has no answer on gender, quality"),
        ("id,image,gender\n7,0.png,perhaps\n", "task 7: gender is 'perhaps'"),
        ("id,image,gender\n7,0.png\n", "task 7: more or fewer fields"),
        ("id,gender\n0,1\n", "has no columns id and image"),
        ("", "has no columns id and image"),
        ("[{", "is not JSON"),
        (b"\xff\xfe", "is not UTF-8 text"),
    ],
)
def test_a_wrong_import_is_refused_whole_and_names_the_task(tmp_path, document, sentence):
    path = tmp_path / "export"
    text = document if isinstance(document, str | bytes) else json.dumps(document)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    log = AnswerLog(tmp_path / "labels.jsonl")
    with pytest.raises(InputError) as error:
        import_tasks(path, log, task())
    assert sentence in str(error.value) and "\n" not in str(error.value)
    assert (tmp_path / "labels.jsonl").stat().st_size == 0


def test_words_of_known_and_unknown_attributes():
    assert attribute("gender").value(" Female ") == 1 and attribute("gender").value("man") is None
    assert attribute("gender").word(1) == "woman" and attribute("gender").code(1) == "female"
    assert attribute("glass").code(0) == "none" and attribute("glass").word(0) == "no glasses"
    assert attribute("hat_on").question == "Hat on?" and attribute("hat_on").code(1) == "yes"
    for name in (*ATTRIBUTES, "hat_on"):
        for value in (0, 1):
            assert attribute(name).value(attribute(name).code(value).upper()) == value


# ---- the label CSV and the pictures


def test_only_images_with_every_answer_are_in_the_csv(session, tmp_path):
    for image, values in enumerate([(1, 0), (0, SKIP), (1, None), (0, 1)]):
        for name, value in zip(NAMES, values, strict=True):
            if value is not None:
                give(session, image, name, value)
    labels = read_labels(tmp_path / "labels.csv", NAMES, images=4)
    assert labels.to_numpy().tolist() == [[0, 1, 0], [3, 0, 1]]
    table = label_table(session._log.answers, ["gender"])
    assert table["id"].tolist() == [0, 1, 2, 3]


def test_pictures_are_the_bytes_of_the_shards(tmp_path):
    paths = make_shards(tmp_path)
    images = EncodedImages(paths)
    assert images.ids == list(range(6))
    assert all(images[number].startswith(b"\x89PNG") for number in (5, 0, 3))
    assert len({images[number] for number in range(6)}) == 6
    with pytest.raises(KeyError):
        images[6]
    content = bytearray(paths[1].read_bytes())
    content[200:600] = bytes(400)
    paths[1].write_bytes(content)
    with pytest.raises(InputError, match="00001.parquet is damaged"):
        EncodedImages(paths[:1] + paths[1:])[4]


# ---- the server


@pytest.fixture
def server(session, tmp_path):
    server = LabelServer(session, EncodedImages(make_shards(tmp_path)), "t" * 32)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def ask(server, method, path, body=None, **headers):
    """Return status, headers and JSON (or bytes) of a request."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    headers = {"Host": f"127.0.0.1:{server.port}", **headers}
    if body is not None and "Content-Type" not in headers:
        headers["Content-Type"] = "application/json"
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    kind = response.headers["Content-Type"]
    content = json.loads(content) if kind == "application/json" else content
    return response.status, response.headers, content


def test_the_server_listens_on_this_machine_only_and_sends_safe_headers(server):
    assert server.server_address[0] == "127.0.0.1"
    path = f"/{server.token}/"
    for name in ("", "page.css", "page.js", "image/3", "api/session", "api/changes?since=0"):
        code, headers, content = ask(server, "GET", path + name)
        assert code == 200 and content
        assert headers["Cache-Control"] == "no-store"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in headers
    assert ask(server, "GET", path, Host=f"localhost:{server.port}")[0] == 200


def test_the_page_needs_nothing_from_elsewhere(server):
    for name in ("", "page.css", "page.js"):
        content = ask(server, "GET", f"/{server.token}/{name}")[2]
        assert b"http" not in content.replace(b"http-equiv", b"")


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", {}),
        ("/page.js", {}),
        ("//", {}),
        (f"/{'t' * 32}", {}),
        (f"/{'t' * 31}/", {}),
        (f"/{'t' * 31}u/api/session", {}),
        (f"/{'t' * 32}/", {"Host": "attacker.example"}),
        (f"/{'t' * 32}/", {"Host": "127.0.0.1"}),
        (f"/{'t' * 32}/api/session", {"Origin": "http://attacker.example"}),
        (f"/{'t' * 32}/api/session", {"Origin": "null"}),
    ],
)
def test_requests_without_the_token_or_of_other_hosts_are_refused(server, path, headers):
    for method, body in (("GET", None), ("POST", "{}")):
        code, _, content = ask(server, method, path, body, **headers)
        assert code == 403 and set(content) == {"error"} and "t" * 31 not in content["error"]
    assert not server.session._log.answers.lines


def test_answers_and_refusals_by_http(server):
    path = f"/{server.token}/api/"
    item = {"id": 0, "attribute": "gender", "value": 1}
    request = {"key": "key-0000", "kind": "first", "seconds": 1, "items": [item], "since": 0}
    code, _, news = ask(server, "POST", path + "answer", json.dumps(request))
    assert code == 200 and news["revision"] == 1
    assert ask(server, "GET", path + "changes?since=1")[2]["changes"] == []
    assert ask(server, "POST", path + "undo", '{"key": "key-0001", "since": 1}')[0] == 200
    assert ask(server, "POST", path + "export", "{}")[2]["rows"] == 0
    assert ask(server, "POST", path + "answer", "{")[0] == 400
    assert ask(server, "POST", path + "answer", "[]")[0] == 400
    form = {"Content-Type": "text/plain"}  # what a form of another site could send
    assert ask(server, "POST", path + "answer", json.dumps(request), **form)[0] == 400
    assert ask(server, "POST", path + "answer", "", **{"Content-Length": str(1 << 30)})[0] == 400
    assert ask(server, "GET", path + "changes?since=x")[0] == 400
    for name in ("nothing", "../page/page.js", "%2e%2e/session.py"):
        assert ask(server, "GET", path + name)[0] == 404
    assert ask(server, "GET", f"/{server.token}/image/99")[0] == 404
    assert ask(server, "GET", f"/{server.token}/image/{'9' * 5000}")[0] == 400
    assert ask(server, "PUT", path + "answer", "{}")[0] == 501


def test_a_full_disk_is_told_by_http(server, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    item = {"id": 0, "attribute": "gender", "value": 1}
    request = {"key": "key-0000", "kind": "first", "seconds": 1, "items": [item], "since": 0}
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        code, _, reply = ask(server, "POST", f"/{server.token}/api/answer", json.dumps(request))
    assert (code, reply) == (507, {"error": "No space left on device"})


# ---- the command


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    make_shards(tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["label", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


def test_status_import_and_export_by_command(folder):
    Path("project.json").write_text(json.dumps([studio_task(), studio_task(2, "1.png", "male")]))
    code, text = run("--attributes", "gender", "quality", "--import", "project.json")
    assert code == 0 and "2 answers and 0 skips added" in text
    code, text = run("--attributes", "gender", "--status")
    assert code == 0 and "2 of 6 images done" in text and "gender: 2 answered" in text
    for kind in FORMATS:
        code, text = run("--attributes", "gender", "--export", f"to.{kind}", "--format", kind)
        assert code == 0 and "2 tasks" in text
    code, text = run("--attributes", "gender", "--count", "2", "--import", "to.csv")
    assert code == 0 and "2 stood already, 0 of them different" in text
    assert read_labels("labels/original.csv", ["gender"], 6)["gender"].tolist() == [1, 0]


def test_the_configuration_says_what_to_ask_and_where_the_images_are(folder):
    Path("config.yaml").write_text(
        "results: elsewhere\npopulations: {original: {labels: {count: 5}, attributes: [age]}}"
    )
    Path("overlay.yaml").write_text("{results: results, populations: {original: {images: 6}}}")
    code, text = run("--status")
    assert code == 1 and "elsewhere/original/images has no images yet" in text
    assert "snakemake --cores 2 elsewhere/original/images/shard-00000.parquet" in text
    code, text = run("--status", "--configfile", "overlay.yaml")
    assert code == 0 and "0 of 5 images done" in text and "age: 0 answered" in text


def test_the_run_and_the_csv_of_the_configuration_are_taken(folder):
    make_shards(folder / "elsewhere/longer", count=4, side=9)
    labels = "{count: 3, csv: mine/women.csv}"
    Path("config.yaml").write_text(
        f"{{results: elsewhere, run: longer, populations: {{original: {{labels: {labels}}}}}}}"
    )
    Path("project.json").write_text(json.dumps([studio_task()]))
    code, text = run("--attributes", "gender", "--import", "project.json")
    assert code == 0, text
    assert read_labels("mine/women.csv", ["gender"], 4)["gender"].tolist() == [1]
    code, text = run("--attributes", "gender", "--status")
    assert code == 0 and "1 of 3 images done" in text
    code, text = run("--attributes", "gender", "--status", "--results", "results")
    assert (
        code == 1 and "mine/women.jsonl holds answers on other images than those in results" in text
    )
    assert text.count("\n") == 1 and "delete mine/women.images" in text
    code, text = run("--attributes", "gender", "--results", "results", "--import", "project.json")
    assert code == 1 and "holds answers on other images" in text
    code, text = run(
        *("--attributes", "gender", "--status", "--results", "results", "--labels", "labels/a.csv")
    )
    assert code == 0 and "0 of 3 images done" in text


def test_a_log_goes_on_with_more_images_of_the_same_population(folder):
    Path("project.json").write_text(json.dumps([studio_task()]))
    assert run("--attributes", "gender", "--import", "project.json")[0] == 0
    Path("labels/original.images").unlink()  # as logs of earlier versions are: taken as they are
    assert run("--attributes", "gender", "--import", "project.json")[0] == 0
    assert Path("labels/original.images").is_file()
    grown = [*EncodedImages(sorted(Path("results/original/images").iterdir())).ids, 6, 7]
    pictures = [
        cv2.imdecode(np.frombuffer(png, np.uint8), 1)[..., ::-1]
        for png in (
            EncodedImages(sorted(Path("results/original/images").iterdir()))[number % 6]
            for number in grown
        )
    ]
    for shard in Path("results/original/images").iterdir():
        shard.unlink()
    write_image_shard(
        "results/original/images/shard-00000.parquet",
        np.array(grown),
        None,
        None,
        np.stack(pictures),
    )
    code, text = run("--attributes", "gender", "--status")
    assert code == 0 and "1 of 8 images done" in text


def test_attributes_asked_one_after_the_other_share_the_csv(folder):
    Path("config.yaml").write_text("populations: {original: {attributes: [quality, gender, age]}}")
    tasks = {"gender": "female", "quality": "good"}
    for name, word in tasks.items():
        rows = [{"id": 1 + number, "image": f"{number}.png", name: word} for number in range(3)]
        Path(f"{name}.json").write_text(json.dumps(rows))
        assert run("--attributes", name, "--import", f"{name}.json")[0] == 0
    assert Path("labels/original.csv").read_text().splitlines() == [
        *("id,quality,gender", "0,1,1", "1,1,1", "2,1,1"),
    ]
    code, text = run("--attributes", "gendr", "--status")
    assert code == 1 and "gendr is no attribute of original, which has quality, gender, age" in text


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ("populations: null", "--attributes is missing"),
        ("populations: [original]", "populations in the configuration is ['original'], not a map"),
        (
            "populations: {original: {labels: 5}}",
            "populations.original.labels in the configuration",
        ),
        ("populations: {original: {attributes: age}}", "is 'age', not a list of names; correct it"),
        ("populations: {original: {attributes: [1]}}", "is [1], not a list of names; correct it"),
        ("{results: 3}", "results in the configuration is 3, not text; correct it"),
        ("seed: true", "seed in the configuration is True, not a whole number; correct it"),
        ("[1]", "config.yaml is not a mapping of keys to values"),
        ("{", "config.yaml is not YAML"),
    ],
)
def test_a_malformed_configuration_is_one_sentence(folder, config, sentence):
    Path("config.yaml").write_text(config)
    ask = [] if "attributes" in config or "null" in config else ["--attributes", "gender"]
    code, text = run("--status", *ask)
    assert code == 1 and sentence in text
    assert text.startswith("Error: ") and text.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--status"], "--attributes is missing"),
        (["--attributes", "id"], "id is the name of a column"),
        (["--attributes", "gender", "--count", "7"], "has 6 images, not 7"),
        (["--attributes", "gender", "--population", "v1"], "v1/images has no images yet; make"),
        (["--attributes", "gender", "--import", "none.json"], "none.json cannot be read"),
        (["--attributes", "gender", "--configfile", "none.yaml"], "none.yaml cannot be read"),
        (["--attributes", "gender", "--labels", "a.txt"], "a.txt does not end in .csv"),
        (["gender"], "unexpected argument"),
    ],
)
def test_wrong_commands_are_one_sentence(folder, arguments, sentence):
    code, text = run(*arguments)
    assert code != 0 and sentence in text
    assert not Path("labels").exists()


def test_labels_of_another_program_are_not_overwritten(folder):
    Path("labels").mkdir()
    Path("labels/original.csv").write_text("id,gender\n0,1\n")
    code, text = run("--attributes", "gender", "--no-browser")
    assert code == 1 and "exists without its log" in text
    assert Path("labels/original.csv").read_text() == "id,gender\n0,1\n"


def test_the_help_shows_examples_and_needs_no_torch():
    code = "import sys; from ohlora_lib.cli import main\n"
    code += "try: main(['label', '--help'])\nexcept SystemExit: sys.exit('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "ohlora label --population original" in done.stdout
