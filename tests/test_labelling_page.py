"""The labelling page in a real browser: by keyboard, with a killed server, in two tabs."""

import errno
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import Page, expect, sync_playwright
from project import copy_project, environment, said, snakemake

from ohlora_lib.labelling.answers import AnswerLog, read_log
from ohlora_lib.labelling.queue import make_queue
from ohlora_lib.labelling.server import LabelServer
from ohlora_lib.labelling.session import Session, Task
from ohlora_lib.populations.labels import read_labels, take_labels
from ohlora_lib.portraits.parameters import sample_parameters
from ohlora_lib.portraits.renderer import render
from ohlora_lib.store.png_images import EncodedImages
from ohlora_lib.store.shards import write_image_shard
from ohlora_lib.store.tables import read_table

expect.set_options(timeout=20_000)  # ms; other tests may have the machine as well
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
ROOT = Path(__file__).parents[1]
NAMES = ("gender", "quality")
COUNT = 30

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="chromium is missing (Debian: apt-get install chromium)"
)


def heed_interrupts() -> None:
    """Undo what a shell does to jobs in its background: they ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> list[Path]:
    """Return a population of portraits in two shards."""
    folder = tmp_path_factory.mktemp("population") / "results/original/images"
    parameters = sample_parameters(COUNT, torch.Generator().manual_seed(0))
    pictures = (render(parameters, 32).images.permute(0, 2, 3, 1) * 255).byte().numpy()
    paths = [folder / f"shard-{index:05d}.parquet" for index in range(2)]
    for path, ids in zip(paths, np.array_split(np.arange(COUNT), 2), strict=True):
        write_image_shard(path, ids, ids, np.zeros((len(ids), 2), np.float32), pictures[ids])
    return paths


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def tab(browser) -> Iterator[Callable[[str], Page]]:
    """Return a function that opens an address in a new tab; at the end nothing may have failed."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    problems, addresses = [], set()

    def opened(address: str) -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: addresses.add(request.url.split("/")[2]))
        page.goto(address)
        return page

    yield opened
    context.close()
    assert not problems
    assert all(address.startswith("127.0.0.1:") for address in addresses)


@pytest.fixture
def serve(shards, tmp_path):
    """Return a function that serves a population in this process and returns the server."""
    servers = []

    def served(attributes=NAMES, scores=None, count=COUNT) -> LabelServer:
        steps = make_queue(range(count), attributes, scores or {}, "uncertain", seed=0)
        task = Task("original", attributes, steps, scores or {}, "anna")
        session = Session(task, AnswerLog(tmp_path / "labels.jsonl"), tmp_path / "labels.csv")
        server = LabelServer(session, EncodedImages(shards), "t" * 32)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
        return server

    yield served
    for server in servers:
        server.shutdown()
        server.server_close()


def shown(page: Page) -> tuple[int, str]:
    """Return the image and the attribute that the page asks about."""
    source = page.locator("#picture img[data-loaded]").get_attribute("src")
    question = page.locator("#question").inner_text()
    return int(source.split("/")[-1]), "gender" if "Woman" in question else "quality"


def truth(image: int, attribute: str) -> int:
    return image % 2 if attribute == "gender" else int(image % 5 != 0)


def answer(page: Page, times: int = 1) -> None:
    for _ in range(times):
        page.keyboard.press("1" if truth(*shown(page)) else "2")


def wait_for(page: Page, image: int, attribute: str) -> None:
    """Wait until the page asks about this."""
    expect(page.locator("#picture img")).to_have_attribute("src", f"image/{image}")
    question = "Woman or man?" if attribute == "gender" else "Is the picture good?"
    expect(page.locator("#question")).to_have_text(question)


def settled(page: Page) -> None:
    """Wait until the server has confirmed everything, an undo too."""
    while page.evaluate("state.pending.length"):
        page.wait_for_timeout(20)


def saved(page: Page) -> None:
    """Wait until the server has confirmed everything."""
    expect(page.locator("#last")).to_contain_text("saved")


def command(*options: str) -> list[str]:
    code = "from ohlora_lib.cli import main; main()"
    common = ["--attributes", *NAMES, "--count", f"{COUNT}", "--annotator", "anna"]
    return [sys.executable, "-c", code, "label", *common, *options]


@pytest.fixture
def start(shards, tmp_path):
    """Return a function that runs `ohlora label` and returns the process and its address."""
    (tmp_path / "results").symlink_to(shards[0].parents[2])
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = []

    def started() -> tuple[subprocess.Popen, str]:
        process = subprocess.Popen(
            command("--no-browser"),
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=heed_interrupts,
        )
        running.append(process)
        return process, re.search(r"http\S+", process.stdout.readline())[0]

    yield started
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.slow
def test_label_by_keyboard_kill_the_server_resume_undo_export(start, tab, tmp_path):
    log, csv = tmp_path / "labels/original.jsonl", tmp_path / "labels/original.csv"
    server, address = start()
    page = tab(address)
    answer(page, 20)
    saved(page)
    server.kill()  # -9
    server.wait()
    before = read_log(log)
    assert len(before.lines) == 20
    answer(page, 3)  # the next pictures are loaded already
    expect(page.locator("#banner")).to_contain_text("3 answers are kept")

    server, again = start()
    assert again == address  # so that the open page goes on by itself
    expect(page.locator("#banner")).to_be_hidden(timeout=10000)
    saved(page)
    assert len(read_log(log).lines) == 23

    page.reload()
    wait_for(page, 11, "quality")  # the first unanswered
    answer(page, 2)
    page.keyboard.press("Backspace")
    page.keyboard.press("Control+z")
    wait_for(page, 11, "quality")
    page.keyboard.press("Backspace")  # also what was answered before the page was opened anew
    wait_for(page, 11, "gender")

    while not page.locator("#finished").is_visible():
        answer(page)
    expect(page.locator("#finished")).to_contain_text(
        "Every question on 30 pictures has an answer."
    )
    expect(page.locator("#done")).to_have_text("30 of 30")
    settled(page)
    server.send_signal(signal.SIGINT)
    text = server.communicate(timeout=20)[0]
    assert server.returncode == 0 and "labels/original.csv: 30 images" in text
    assert "100% of 2 answered alike when asked again (Cohen's kappa 1.00)" in text

    answers = read_log(log)
    assert [line.kind for line in answers.lines].count("undo") == 3
    labels = read_labels(csv, NAMES, images=COUNT)
    assert labels["id"].tolist() == list(range(COUNT))
    for name in NAMES:
        assert labels[name].tolist() == [truth(image, name) for image in range(COUNT)]
    take_labels(tmp_path / "labels.parquet", NAMES, COUNT, COUNT, 0, 0, csv_path=csv)
    assert read_table(tmp_path / "labels.parquet").equals(labels)


@pytest.mark.slow
def test_a_second_command_on_the_same_log_is_refused(start, tmp_path):
    _, address = start()
    second = subprocess.run(
        command("--no-browser"),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1 and address in second.stderr
    assert second.stderr.count("\n") == 1


def test_two_tabs_see_each_others_answers_and_lose_none(serve, tab):
    server = serve(("gender",))
    first, second = tab(server.address), tab(server.address)
    assert shown(first) == shown(second) == (0, "gender")
    first.keyboard.press("1")
    saved(first)
    second.keyboard.press("2")  # about a picture that is answered
    expect(second.locator("#last")).to_contain_text("Answered in another tab")
    answers = server.session._log.answers
    assert answers.value((0, "gender")) == 1
    assert answers.value((0, "gender"), repeat=True) == 0
    assert shown(second) == (1, "gender")
    second.keyboard.press("1")
    saved(second)
    first.evaluate("window.dispatchEvent(new Event('focus'))")  # the tab is looked at again
    wait_for(first, 2, "gender")
    first.keyboard.press("2")
    first.keyboard.press("Backspace")
    wait_for(first, 2, "gender")
    expect(first.locator("#last")).to_contain_text("Taken back")
    settled(first)
    assert [line.id for line in answers.history] == [0, 0, 1]


def test_a_full_disk_keeps_the_answer_on_the_page_until_there_is_room(serve, tab, monkeypatch):
    server = serve()
    page = tab(server.address)
    answer(page)
    saved(page)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        answer(page, 2)
        expect(page.locator("#banner")).to_contain_text("Not saved (No space left on device)")
        expect(page.locator("#banner")).to_contain_text("2 answers are kept")
        expect(page.locator("#last")).to_contain_text("kept here")
        page.reload()  # they outlive the page
        expect(page.locator("#banner")).to_contain_text("2 answers are kept")
        assert shown(page) == (1, "quality")
        assert len(read_log(server.session._log.path).lines) == 1
    expect(page.locator("#banner")).to_be_hidden(timeout=10000)
    assert len(read_log(server.session._log.path).lines) == 3


def test_a_grid_takes_one_answer_with_exceptions_and_is_undone_as_one(serve, tab):
    server = serve()
    page = tab(server.address)
    shown(page)
    page.keyboard.press("g")
    cells = page.locator("#cells button")
    expect(cells).to_have_count(25)
    expect(page.locator("#cells img[data-loaded]")).to_have_count(25)
    page.keyboard.press("1")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")  # the seventh
    cells.nth(24).click()
    cells.nth(3).click()
    cells.nth(3).click()
    page.keyboard.press("Enter")
    expect(page.locator("#last")).to_contain_text("25 pictures · saved")
    answers = server.session._log.answers
    values = [answers.value((image, "gender")) for image in range(COUNT)]
    assert values == [int(image not in (6, 24)) for image in range(25)] + 5 * [None]
    expect(cells).to_have_count(5)
    page.keyboard.press("Backspace")
    expect(cells).to_have_count(25)
    settled(page)
    assert answers.history == [] and len(answers.lines) == 50
    page.keyboard.press("n")
    expect(page.locator("#grid-question")).to_have_text("Is the picture good?")
    page.keyboard.press("Escape")
    wait_for(page, 0, "gender")


def test_uncertain_pictures_first_and_keys_for_what_the_model_says(serve, tab):
    scores = {"gender": {image: 1.0 for image in range(COUNT)} | {7: 0.45, 9: 0.6}}
    server = serve(("gender",), scores)
    page = tab(server.address)
    assert shown(page)[0] == 7
    expect(page.locator("#suggestion")).to_contain_text("Model: man 0.55")
    page.keyboard.press("a")
    assert shown(page)[0] == 9
    page.keyboard.press("x")  # not a woman
    saved(page)
    answers = server.session._log.answers
    assert [answers.value((image, "gender")) for image in (7, 9)] == [0, 0]


def test_skip_move_and_correct(serve, tab):
    server = serve(count=2)
    page = tab(server.address)
    assert shown(page) == (0, "gender")
    page.keyboard.press("Space")
    for _ in range(4):  # one question comes twice, but not the skipped one
        shown(page)
        page.keyboard.press("1")
    expect(page.locator("#finished")).to_contain_text("1 was skipped, and its picture is")
    page.keyboard.press("r")
    wait_for(page, 0, "gender")
    expect(page.locator("#chips")).to_contain_text("gender: skipped")
    for _ in range(2):  # now it comes twice as well
        shown(page)
        page.keyboard.press("2")
    expect(page.locator("#finished")).to_contain_text("has an answer.")
    for _ in range(8):
        page.keyboard.press("ArrowLeft")
    wait_for(page, 0, "gender")
    expect(page.locator("#answers [aria-pressed=true]")).to_contain_text(re.compile(r"^2?\s*man\b"))
    page.keyboard.press("ArrowRight")
    wait_for(page, 0, "quality")
    shown(page)
    page.keyboard.press("2")
    settled(page)
    answers = server.session._log.answers
    assert [answers.value((0, name)) for name in NAMES] == [0, 0]
    assert [line.kind for line in answers.lines].count("move") == 2


def test_a_key_held_down_is_one_answer_and_focus_is_seen(serve, tab):
    server = serve()
    page = tab(server.address)
    shown(page)
    for _ in range(5):
        page.keyboard.down("1")  # without letting go: repeats
    saved(page)
    assert len(server.session._log.answers.lines) == 1
    page.keyboard.up("1")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "open-undo"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Shift+?")
    expect(page.locator("#help")).to_be_visible()
    expect(page.locator("#help-table")).to_contain_text("gender")
    page.keyboard.press("1")  # does not answer behind the help
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    assert len(server.session._log.answers.lines) == 1


@pytest.mark.slow
def test_from_the_workflow_to_the_page_and_back(tab, tmp_path):
    project = copy_project(tmp_path / "project")
    labels = {"count": COUNT, "csv": "labels/mine.csv"}
    overlay = {
        "domain": {"annotator": None},
        "populations": {
            "original": {"images": COUNT + 10, "labels": labels},
            "v1": {"labels": {"csv": "labels/v1.csv"}},
        },
    }
    target = "results/smoke/original/attributes.parquet"
    run = snakemake(project, "--cores", "2", target, overlay=overlay)
    assert run.returncode == 1 and not (project / "labels").exists(), said(run)
    asked = re.search(
        r"error: labels/mine.csv does not exist; make it with `ohlora (.*)`, or", said(run)
    )
    printed = [
        sys.executable,
        "-c",
        "from ohlora_lib.cli import main; main()",
        *shlex.split(asked[1]),
    ]

    def serve(*options: str) -> tuple[subprocess.Popen, str]:
        process = subprocess.Popen(
            [*printed, *options],
            cwd=project,
            env=environment(project),
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=heed_interrupts,
        )
        return process, re.search(r"http\S+", process.stdout.readline())[0]

    server, address = serve("--no-browser")
    try:
        page = tab(address)
        answer(page, 25)
        saved(page)
        server.kill()  # -9
        server.communicate()
        answer(page, 2)
        server, again = serve("--no-browser")
        assert again == address
        expect(page.locator("#banner")).to_be_hidden(timeout=10000)
        page.keyboard.press("Backspace")
        wait_for(page, 13, "gender")
        while not page.locator("#finished").is_visible():
            answer(page)
        settled(page)
        server.terminate()
        text = server.communicate(timeout=120)[0]
    finally:
        server.kill()
        server.communicate()
    assert f"labels/mine.csv: {COUNT} images" in text

    done = subprocess.run(
        [*printed, "--export", "tasks.json"],
        cwd=project,
        env=environment(project),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and f"tasks.json: {COUNT} tasks" in done.stdout
    tasks = json.loads((project / "tasks.json").read_text())
    choices = [task["annotations"][0]["result"][0]["value"]["choices"][0] for task in tasks]
    assert choices == [("male", "female")[truth(image, "gender")] for image in range(COUNT)]

    run = snakemake(project, "--cores", "2", target, overlay=overlay)
    assert run.returncode == 0, said(run)[-6000:]
    assert "rule generate_images" not in said(run)
    table = read_table(project / "results/smoke/original/labels.parquet")
    for name in NAMES:
        assert table[name].tolist() == [truth(image, name) for image in range(COUNT)]
    joined = read_table(project / target).set_index("id")
    assert len(joined) == COUNT + 10
    for name in NAMES:  # a person's answer stands, a network tells the rest
        assert joined[name][:COUNT].tolist() == table[name].tolist()
        assert joined[name][COUNT:].between(0, 1).all()
