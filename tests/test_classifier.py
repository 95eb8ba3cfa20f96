"""Attribute classifiers: folds, metrics, training, and the jobs around it."""

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kills import Killed, kill_at, same_weights
from sklearn import metrics as sk
from torch import nn

from ohlora_lib.errors import InputError
from ohlora_lib.networks.attribute_cnn import AttributeCNN, predict
from ohlora_lib.networks.files import load_network, save_network
from ohlora_lib.populations.classify import predict_attribute, train_classifier
from ohlora_lib.store.shards import write_image_shard
from ohlora_lib.store.tables import read_json, read_table, write_table
from ohlora_lib.training import classifier
from ohlora_lib.training.classifier import (
    ClassifierOptions,
    Fold,
    FoldData,
    check_answers,
    fold_metrics,
    split,
    train_fold,
)
from ohlora_lib.training.state import TrainingState

SIDE, Z_DIM = 16, 52
GENERATOR = {
    "resolution": SIDE,
    "z_dim": Z_DIM,
    "w_dim": 64,
    "hidden_dim": 52,
    "mapping_layers": 2,
    "fmaps_base": 128,
    "fmaps_max": 16,
}


# ---- folds


@settings(max_examples=30, deadline=None)
@given(
    count=st.integers(20, 200),
    share=st.floats(0.3, 0.7),
    folds=st.integers(2, 5),
    stratified=st.booleans(),
    seed=st.integers(0, 2**63 - 1),
)
def test_folds_are_a_partition(count, share, folds, stratified, seed):
    labels = (np.arange(count) < share * count).astype(np.int64)
    parts = split(labels, folds, stratified, seed)
    assert len(parts) == folds
    for train, validation in parts:
        assert np.array_equal(np.sort(np.concatenate([train, validation])), np.arange(count))
    everything = np.concatenate([validation for _, validation in parts])
    assert np.array_equal(np.sort(everything), np.arange(count))
    sizes = [len(validation) for _, validation in parts]
    assert max(sizes) - min(sizes) <= (2 if stratified else 1)
    if stratified:
        ones = [labels[validation].sum() for _, validation in parts]
        assert max(ones) - min(ones) <= 1
    for (_, first), (_, second) in zip(parts, split(labels, folds, stratified, seed), strict=True):
        assert np.array_equal(first, second)


def test_folds_are_shuffled_by_the_seed():
    labels = np.arange(100) % 2
    first, other = (split(labels, 5, False, seed)[0][1] for seed in (1, 2))
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, np.arange(20))


def test_a_rare_answer_is_spread_over_the_folds_as_far_as_it_goes(recwarn):
    labels = np.zeros(100, np.int64)
    labels[:4] = 1
    parts = split(labels, 5, True, 0)
    assert sorted(labels[validation].sum() for _, validation in parts) == [0, 1, 1, 1, 1]
    assert not recwarn.list


def test_labels_that_teach_nothing_are_refused(capsys):
    few = np.arange(100) < 4
    check_answers(few.astype(np.int64), 4, "glass", False)
    assert not capsys.readouterr().out
    check_answers(few.astype(np.int64), 5, "glass", False)
    assert "only 4 of 100 labels of glass" in capsys.readouterr().out
    with pytest.raises(InputError, match="all 100 labels of gender are 1, from which nothing"):
        check_answers(np.ones(100, np.int64), 5, "gender", False)
    check_answers(np.ones(100, np.int64), 5, "gender", True)  # it knows from elsewhere


# ---- metrics


@settings(max_examples=60, deadline=None)
@given(data=st.data(), cut=st.sampled_from([0.1, 0.5, 0.9]))
def test_metrics_are_those_of_scikit_learn(data, cut):
    n = data.draw(st.integers(2, 40))
    labels = np.array(data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    labels[:2] = (0, 1)
    levels = st.integers(0, 1000).map(lambda value: value / 1000)
    scores = np.array(data.draw(st.lists(levels, min_size=n, max_size=n)), np.float32)
    found = fold_metrics(labels, scores, cut)
    answers = (scores >= cut).astype(int)
    clipped = np.clip(scores.astype(np.float64), 1e-7, 1 - 1e-7)
    expected = {
        "loss": sk.log_loss(labels, clipped),
        "accuracy": sk.accuracy_score(labels, answers),
        "precision": sk.precision_score(labels, answers, zero_division=0),
        "recall": sk.recall_score(labels, answers, zero_division=0),
        "f1": sk.f1_score(labels, answers, zero_division=0),
        "auroc": sk.roc_auc_score(labels, scores),
    }
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_auroc_of_one_kind_of_answer_is_missing():
    found = fold_metrics(np.ones(5, int), np.linspace(0, 1, 5), 0.5)
    assert math.isnan(found["auroc"]) and found["recall"] == pytest.approx(0.6)


# ---- one fold


@pytest.fixture(scope="module")
def faces() -> tuple[np.ndarray, np.ndarray]:
    """60 pictures, a third of them bright: an attribute that is easy to learn."""
    random = np.random.default_rng(0)
    labels = (np.arange(60) % 3 == 0).astype(np.int64)
    images = random.integers(0, 120, (60, 32, 32, 3)) + 110 * labels[:, None, None, None]
    return images.astype(np.uint8), labels


QUICK = ClassifierOptions(learning_rate=1e-3, batch=8, patience=2, max_epochs=6, max_loss=0.6)


def test_a_fold_learns_and_keeps_its_best_epoch(faces, tmp_path):
    images, labels = faces
    train, validation = split(labels, 3, True, 1)[0]
    data = FoldData(images, labels, train, validation)
    fold = train_fold("gender", data, QUICK, 4, tmp_path)
    losses = [epoch["loss"] for epoch in fold.history]
    assert fold.loss == min(losses) < 0.5
    assert fold.best_epoch == int(np.argmin(losses))
    assert fold.attempts == [
        {"loss": fold.loss, "best_epoch": fold.best_epoch, "epochs": len(losses)}
    ]
    assert len(losses) <= min(QUICK.max_epochs, fold.best_epoch + QUICK.patience + 1)
    # the network is that of the best epoch, not of the last one
    assert not fold.network.training
    again = predict(fold.network, images[validation])
    assert np.allclose(again, fold.scores, atol=1e-6)
    assert fold_metrics(labels[validation], again, 0.5)["loss"] == pytest.approx(fold.loss)
    assert fold_metrics(labels[validation], again, 0.5)["auroc"] > 0.95


def test_training_stops_when_patience_ends(faces, tmp_path, monkeypatch):
    """Published: total epochs = best epoch + 21 with a patience of 20 and epochs from 0."""
    images, labels = faces
    scripted = iter([0.5, 0.4, 0.45, 0.41, 0.3])
    genuine = classifier.fold_metrics
    monkeypatch.setattr(
        classifier, "fold_metrics", lambda *a: {**genuine(*a), "loss": next(scripted)}
    )
    rows = np.arange(60)
    data = FoldData(images, labels, rows[:40], rows[40:])
    fold = train_fold("gender", data, QUICK, 0, tmp_path)
    assert fold.best_epoch == 1 and fold.loss == 0.4
    assert [epoch["loss"] for epoch in fold.history] == [0.5, 0.4, 0.45, 0.41]
    assert len(fold.history) == fold.best_epoch + QUICK.patience + 1


def test_the_same_seed_trains_the_same_network(faces, tmp_path):
    images, labels = faces
    train, validation = split(labels, 3, True, 1)[1]
    options = ClassifierOptions(learning_rate=1e-3, patience=1, max_epochs=2, max_loss=10)
    torch.manual_seed(5)
    data = FoldData(images, labels, train, validation)
    folds = [
        train_fold("quality", data, options, seed, tmp_path / str(number))
        for number, seed in enumerate((4, 4, 5))
    ]
    assert same_weights(folds[0].network, folds[1].network)
    assert folds[0].history == folds[1].history
    assert not same_weights(folds[0].network, folds[2].network)


def scripted_trainings(monkeypatch: pytest.MonkeyPatch, losses: list[float]) -> list[int]:
    """Replace the training by one that reaches the given losses; returns the seeds it got."""
    seeds, remaining = [], iter(losses)

    def fake(network, data, options, seed, *_) -> Fold:
        seeds.append(seed)
        return Fold(nn.Identity(), next(remaining), np.zeros(1), 3, [{"epoch": 0}] * 5)

    monkeypatch.setattr(classifier, "_train_once", fake)
    return seeds


def test_a_failed_training_is_repeated_from_other_weights(monkeypatch, tmp_path):
    seeds = scripted_trainings(monkeypatch, [0.5, 0.36, 0.35])
    rows = np.arange(2)
    data = FoldData(np.zeros((2, 32, 32, 3), np.uint8), rows, rows, rows)
    fold = train_fold("gender", data, ClassifierOptions(), 1, tmp_path)
    assert fold.loss == 0.35 and len(set(seeds)) == 3
    assert [item["loss"] for item in fold.attempts] == [0.5, 0.36, 0.35]
    assert {(item["best_epoch"], item["epochs"]) for item in fold.attempts} == {(3, 5)}


def test_the_limit_of_trainings_ends_in_one_sentence(monkeypatch, tmp_path):
    seeds = scripted_trainings(monkeypatch, [0.5, float("nan"), 0.123])
    rows = np.arange(2)
    options = ClassifierOptions(max_loss=0.1, max_attempts=3)
    data = FoldData(np.zeros((2, 32, 32, 3), np.uint8), rows, rows, rows)
    with pytest.raises(InputError) as info:
        train_fold("quality", data, options, 1, tmp_path)
    text = str(info.value)
    assert "quality classifier failed" in text and "0.500, nan, 0.123" in text
    assert "attributes.quality.max_loss" in text and "\n" not in text
    assert len(seeds) == 3


def test_every_attempt_starts_from_the_given_weights(faces, tmp_path, monkeypatch):
    images, labels = faces
    rows = np.arange(60)
    data = FoldData(images, labels, rows[:40], rows[40:])
    torch.manual_seed(3)
    start = AttributeCNN("gender", 32).eval()
    before = {name: value.clone() for name, value in start.state_dict().items()}
    seen: list[tuple[nn.Module, int]] = []
    genuine = classifier._train_once

    def watched(network, data, options, seed, *rest) -> Fold:
        assert network is not start and same_weights(network, start)
        seen.append((network, seed))
        fold = genuine(network, data, options, seed, *rest)
        return replace(fold, loss=fold.loss if len(seen) == 2 else 9.0)

    monkeypatch.setattr(classifier, "_train_once", watched)
    options = replace(QUICK, max_epochs=1, max_loss=8)
    fold = train_fold("gender", data, options, 1, tmp_path, start)
    assert len(fold.attempts) == 2 and len({seed for _, seed in seen}) == 2
    assert all(torch.equal(start.state_dict()[name], value) for name, value in before.items())
    assert not same_weights(fold.network, start)  # it has learnt


def test_a_training_that_starts_from_a_trained_network_is_ahead(faces, tmp_path):
    images, labels = faces
    train, validation = split(labels, 3, True, 1)[0]
    data = FoldData(images, labels, train, validation)
    parent = train_fold("gender", data, QUICK, 4, tmp_path / "parent")
    slow = replace(QUICK, learning_rate=1e-6, max_epochs=1, max_loss=9)
    child = train_fold("gender", data, slow, 5, tmp_path / "child", parent.network)
    alone = train_fold("gender", data, slow, 5, tmp_path / "alone")
    assert child.loss == pytest.approx(parent.loss, abs=0.05) and child.loss < 0.5 < alone.loss


def test_a_killed_fold_goes_on_to_the_same_network(faces, tmp_path, monkeypatch):
    """Two attempts of four epochs; killed before the first ends, and in the second."""
    images, labels = faces
    train, validation = split(labels, 3, True, 1)[0]
    labels = np.where(np.isin(np.arange(60), validation), 1 - labels, labels)
    data = FoldData(images, labels, train, validation)  # what is learnt is wrong there
    options = replace(QUICK, max_epochs=4, patience=4, max_loss=9.0)
    genuine = classifier._train_once

    def first_fails(network, data, options, seed, folder, settings) -> Fold:
        fold = genuine(network, data, options, seed, folder, settings)
        return replace(fold, loss=10.0) if folder.name == "attempt-1" else fold

    def fold_in(folder: str) -> Fold:
        torch.manual_seed(99)  # a new process has another random state
        return train_fold("gender", data, options, 1, tmp_path / folder, code="a")

    monkeypatch.setattr(classifier, "_train_once", first_fails)
    straight = fold_in("straight")
    assert straight.best_epoch < 2  # before the kill: a state also holds the best network
    assert not list((tmp_path / "straight").rglob("state-*"))  # it was too short
    monkeypatch.setattr(classifier, "SAVE_EVERY", 0.0)
    for call in (3, 5):  # in the third epoch; in the third of the second attempt, 2 of 4 kept
        with monkeypatch.context() as patch:
            kill_at(patch, classifier, "predict", call)
            with pytest.raises(Killed):
                fold_in("killed")
    found = [path.parent.name for path in sorted((tmp_path / "killed").rglob("state-*"))]
    assert found == ["attempt-1"] * 2 + ["attempt-2"] * 2  # two of each, however long it takes
    resumed = fold_in("killed")
    assert same_weights(resumed.network, straight.network) and not resumed.network.training
    assert (resumed.history, resumed.attempts) == (straight.history, straight.attempts)
    assert (resumed.loss, resumed.best_epoch) == (straight.loss, straight.best_epoch)
    assert np.array_equal(resumed.scores, straight.scores)

    with monkeypatch.context() as patch:  # finished: nothing is trained again
        kill_at(patch, classifier, "_batches", 1)
        assert same_weights(fold_in("killed").network, straight.network)
        with pytest.raises(Killed):  # made by other code
            train_fold("gender", data, options, 1, tmp_path / "killed", code="b")
    other = replace(data, labels=1 - labels)
    kill_at(monkeypatch, classifier, "_batches", 1)
    with pytest.raises(Killed):  # of other labels
        train_fold("gender", other, options, 1, tmp_path / "killed", code="a")


def test_states_of_a_fold_are_a_minute_apart(faces, tmp_path, monkeypatch):
    images, labels = faces
    rows = np.arange(60)
    clock = iter([0.0, 59.0, 61.0, 62.0, 120.0, 122.5, 123.0])  # start, epochs, after a state
    watch = SimpleNamespace(monotonic=lambda: next(clock))
    saved: list[int] = []
    monkeypatch.setattr(classifier, "time", watch)
    monkeypatch.setattr(TrainingState, "save", lambda self, step, info: saved.append(step))
    options = replace(QUICK, max_epochs=4, patience=9, max_loss=9.0)
    train_fold("gender", FoldData(images, labels, rows[:40], rows[40:]), options, 0, tmp_path)
    assert saved == [2, 4]


# ---- the jobs around it


def write_labelled(folder: Path, images: np.ndarray, labels: np.ndarray) -> tuple[list[Path], Path]:
    count = len(images)
    ids = np.arange(count)
    shards = [folder / "shard-0.parquet", folder / "shard-1.parquet"]
    for path, rows in zip(shards, np.array_split(ids, 2), strict=True):
        write_image_shard(path, rows, rows, np.zeros((len(rows), 4)), images[rows])
    table = pd.DataFrame({"id": ids, "gender": labels.astype(np.uint8)})
    write_table(folder / "labels.parquet", table.iloc[::-1])  # the order of rows does not matter
    return shards, folder / "labels.parquet"


def test_folds_as_jobs_and_their_answers_for_every_image(faces, tmp_path):
    images, labels = faces
    shards, table = write_labelled(tmp_path, images, labels)
    options = {
        "folds": 3,
        "stratified": False,
        "learning_rate": 1e-3,
        "batch": 8,
        "patience": 1,
        "max_epochs": 3,
        "max_loss": 10.0,
        "max_attempts": 1,
        "cut": 0.5,
    }
    weights = [tmp_path / f"fold-{fold}.safetensors" for fold in range(3)]
    documents = []
    for fold, path in enumerate(weights):
        report = tmp_path / f"fold-{fold}.json"
        state = tmp_path / f"state-{fold}"
        train_classifier(shards, table, path, report, "gender", fold, options, 7, state)
        documents.append(read_json(report))
    validated = [document["validation"]["id"] for document in documents]
    assert sorted(sum(validated, [])) == list(range(60))  # every image in exactly one fold
    for fold, document in enumerate(documents):
        assert (document["attribute"], document["fold"]) == ("gender", fold)
        assert document["epochs"] == len(document["history"]) <= 3
        truth = document["validation"]
        assert truth["label"] == labels[truth["id"]].tolist()
        expected = fold_metrics(np.array(truth["label"]), np.array(truth["score"]), 0.5)
        assert {name: document[name] for name in expected} == pytest.approx(expected, abs=1e-4)
    before = weights[1].read_bytes()
    again = tmp_path / "again.json"
    train_classifier(shards, table, weights[1], again, "gender", 1, options, 7, tmp_path / "again")
    assert weights[1].read_bytes() == before
    assert read_json(tmp_path / "again.json") == documents[1]

    started = (shards, table, tmp_path / "started.safetensors", report, "gender", 0)
    shorter = {**options, "max_epochs": 1}
    train_classifier(*started, shorter, 7, tmp_path / "started", start=weights[0])
    assert read_json(report)["history"][0]["loss"] < documents[0]["history"][0]["loss"]

    predict_attribute(weights, shards, tmp_path / "predictions.parquet")
    found = read_table(tmp_path / "predictions.parquet")
    assert list(found.columns) == ["id", "fold_0", "fold_1", "fold_2", "mean"]
    assert found["id"].tolist() == list(range(60))
    folds = found[["fold_0", "fold_1", "fold_2"]].to_numpy()
    assert np.allclose(found["mean"], folds.mean(axis=1), atol=6e-7)
    for fold, document in enumerate(documents):
        rows = document["validation"]["id"]
        assert folds[rows, fold] == pytest.approx(document["validation"]["score"], abs=5e-6)


def test_a_finished_network_is_judged_and_not_trained(faces, tmp_path):
    shards, table = write_labelled(tmp_path, *faces)
    torch.manual_seed(3)
    made = AttributeCNN("gender", 32)
    save_network(tmp_path / "made.safetensors", made)
    options = {"folds": 3, "stratified": False, "max_epochs": 5, "max_loss": 1e-6}
    weights, report = tmp_path / "weights.safetensors", tmp_path / "fold.json"
    arguments = (shards, table, weights, report, "gender", 1, options, 7, tmp_path / "state")
    train_classifier(*arguments, start=tmp_path / "made.safetensors", finished=True)
    assert same_weights(load_network(weights), made)
    document = read_json(report)
    assert (document["epochs"], document["attempts"], document["history"]) == (0, [], [])
    assert len(document["validation"]["id"]) == 20 and 0 <= document["accuracy"] <= 1


@pytest.mark.parametrize(("attribute", "side"), [("quality", 32), ("gender", 48)])
def test_a_start_of_another_attribute_or_resolution_is_refused(faces, tmp_path, attribute, side):
    shards, table = write_labelled(tmp_path, *faces)
    save_network(tmp_path / "start.safetensors", AttributeCNN(attribute, side))
    options = {"folds": 3, "stratified": False, "max_epochs": 1}
    weights, report = tmp_path / "weights.safetensors", tmp_path / "fold.json"
    arguments = (shards, table, weights, report, "gender", 0, options, 7, tmp_path / "state")
    with pytest.raises(InputError) as info:
        train_classifier(*arguments, tmp_path / "start.safetensors")
    text = str(info.value)
    assert f"start.safetensors predicts {attribute} at {side} pixels" in text
    assert "gender at 32 cannot start from it" in text and "\n" not in text
    assert "populations.*.training.gender.start" in text
    assert not weights.exists() and not report.exists()


def test_labels_all_alike_need_a_start_and_leave_no_auroc(faces, tmp_path):
    images, _ = faces
    shards, table = write_labelled(tmp_path, images, np.ones(len(images), np.int64))
    start = tmp_path / "start.safetensors"
    save_network(start, AttributeCNN("gender", images.shape[1]))
    options = {"folds": 2, "stratified": True, "max_epochs": 1, "max_loss": 9.0}
    weights, report = tmp_path / "weights.safetensors", tmp_path / "fold.json"
    arguments = (shards, table, weights, report, "gender", 0, options, 7, tmp_path / "state")
    with pytest.raises(InputError, match="all .* labels of gender are 1"):
        train_classifier(*arguments)
    assert not weights.exists() and not report.exists()
    train_classifier(*arguments, start)
    assert weights.exists() and read_json(report)["auroc"] is None
