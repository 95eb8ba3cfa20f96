"""The whole workflow on a tiny population: its results, what reruns after a change, refusals."""

import importlib
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from factories import MAP_PAIRS, MAPPED
from project import RESULTS, UNNEEDED, copy_project, edit, merged, said, snakemake
from test_distributed import largest_difference

from ohlora_lib.configuration import validate_config
from ohlora_lib.methods.directions.method import WAYS
from ohlora_lib.methods.directions.stored import load_directions
from ohlora_lib.methods.models import open_model
from ohlora_lib.networks.files import load_network
from ohlora_lib.runtime.provenance import environment
from ohlora_lib.scores import ALGORITHMS, CONTROLLED, PROPERTIES
from ohlora_lib.store.checkpoints import read_checkpoint
from ohlora_lib.store.gallery import read_gallery
from ohlora_lib.store.shards import iter_images, iter_segments
from ohlora_lib.store.tables import read_json, read_table

pytestmark = pytest.mark.slow

POPULATION = f"{RESULTS}/original"
IMAGES, LABELLED, FOLDS = 320, 240, 2  # of config/smoke.yaml
# What follows from the first population alone: a change there would else rerun nearly everything.
FIRST = {
    "populations": {"v1": {"enabled": False}},
    "finetune": {"v8": {"enabled": False}},
    "vectorfind": {"v8": {"enabled": False}},
    "directions": {"enabled": False},
    "selection": {"method": None},
}
DEEP = re.MULTILINE | re.DOTALL
CSV_FIGURES = {"plot_summary", "plot_scores", "plot_strips"}  # what shows normalised scores

Job = tuple[str, ...]  # the rule and the values of its wildcards


def planned(folder: Path, overlay: dict | None = None, first: bool = True) -> set[Job]:
    """Return the jobs that a run would have to do, without the target rule.

    With `first` only the first population and what follows from it is requested, and what lists all
    methods or jobs is left out.
    """
    run = snakemake(folder, "--dry-run", overlay=merged(FIRST if first else {}, overlay or {}))
    assert run.returncode == 0, said(run)
    jobs = set()
    for block in re.split(r"\n(?=(?:local)?rule \w+:)", said(run))[1:]:
        rule = re.match(r"(?:local)?rule (\w+):", block)[1]
        found = re.search(r"^    wildcards: (.*)$", block, re.MULTILINE)
        values = [pair.partition("=")[2] for pair in found[1].split(", ")] if found else []
        jobs.add((rule, *(value for value in values if value != "original")))
    if not jobs:
        assert "Nothing to be done" in said(run)
    return jobs - ({("all",), *LISTS} if first else {("all",)})


def rules(jobs: set[Job]) -> set[str]:
    return {job[0] for job in jobs}


FINETUNES = {"v1": "adversarial", "v3": "autoencoder"}  # of config/smoke.yaml, first population
METHODS = [f"finetune_{version}" for version in (*FINETUNES, "v8")]
METHODS += ["vectorfind_v8", "directions_linear"]


def judged(version: str) -> set[Job]:
    """Return the jobs that follow from a fine-tune being trained again, but the leaderboard."""
    method = f"finetune_{version}"
    rules = ("score_pictures", "judge_method", "draw_control_grids")
    return {
        ("draw_pictures", method),
        ("read_attributes", method),
        *((rule, method, judge) for rule in rules for judge in ("cnn", "segment")),
    }


def finetuned(version: str) -> set[Job]:
    """Return the jobs that train a fine-tune and those that follow, but the leaderboard."""
    trained = {(f"finetune_{FINETUNES[version]}", version), ("plot_training_curves", version)}
    return trained | judged(version)


ALL_METHODS = set().union(*map(finetuned, FINETUNES))
LISTS = {("make_leaderboard", ""), ("plot_search_cost",), ("plot_runtimes",), ("record_run",)}


def scored(*pairs: tuple[str, str]) -> set[Job]:
    """Return the jobs that follow from these (algorithm, property) being scored again."""
    algorithms = {algorithm for algorithm, _ in pairs}
    learnt = {("train_property_cnn",), ("score_property_cnn",), ("plot_property_cnn",)}
    return {
        *(learnt | ALL_METHODS if "v2" in algorithms else ()),
        *(("score_property", *pair) for pair in pairs),
        *(("normalise_scores", algorithm) for algorithm in algorithms),
        *(("plot_strips", algorithm) for algorithm in algorithms),
        ("plot_scores",),
        ("plot_summary",),
    }


@pytest.fixture
def project(finished, tmp_path) -> Path:
    """Return a copy of the finished run, to be changed."""
    folder = tmp_path / "project"
    shutil.copytree(finished, folder, ignore=UNNEEDED)
    return folder


def more_code(text: str) -> str:
    return text + "\nANOTHER_CONSTANT = 1\n"


# ---- results


def test_images_and_segments(finished):
    folder = finished / POPULATION
    images = sorted((folder / "images").iterdir())
    segments = sorted((folder / "segments").iterdir())
    names = ["shard-00000.parquet", "shard-00001.parquet"]
    assert [path.name for path in images] == [path.name for path in segments] == names
    assert pq.read_schema(images[0]).names == ["id", "seed", "z", "image"]
    rows = next(iter_images(images, batch=IMAGES + 1, columns=("image", "seed", "z")))
    assert rows.ids.tolist() == list(range(IMAGES))
    assert rows.images.shape == (IMAGES, 64, 64, 3) and len(rows.z) == IMAGES
    assert len(np.unique(rows.images.reshape(IMAGES, -1), axis=0)) == IMAGES
    kept = read_table(folder / "filtered.parquet")["id"].tolist()
    found = next(iter_segments(segments, batch=IMAGES + 1))
    assert found.ids.tolist() == kept and found.class_maps.shape == (len(kept), 224, 224)
    assert found.class_maps.max() <= 10


def test_labels_attributes_and_filter(finished):
    folder = finished / POPULATION
    annotator = read_table(folder / "annotator.parquet")
    assert list(annotator.columns) == ["id", "gender", "quality", "age", "glass"]
    assert len(annotator) == IMAGES
    labels = read_table(folder / "labels.parquet")
    assert list(labels.columns) == ["id", "gender", "quality"]
    assert labels["id"].tolist() == list(range(LABELLED))
    assert set(labels["gender"]) <= {0, 1} and labels["gender"].dtype == np.uint8
    table = read_table(folder / "attributes.parquet")
    assert set(table.columns) == {
        *("id", "labelled", "gender", "quality"),
        *(f"{name}_fold_{fold}" for name in ("gender", "quality") for fold in range(FOLDS)),
    }
    assert table["labelled"].sum() == LABELLED and len(table) == IMAGES
    assert table["gender"].head(LABELLED).tolist() == labels["gender"].tolist()
    for name in ("gender", "quality"):
        answers = read_table(folder / f"classifiers/{name}/predictions.parquet")
        rest = slice(LABELLED, None)
        assert table[name][rest].tolist() == answers["mean"][rest].tolist()
    expected = table.loc[(table["gender"] >= 0.4) & (table["quality"] >= 0.4), "id"]
    assert read_table(folder / "filtered.parquet")["id"].tolist() == expected.tolist()
    counts = read_json(folder / "filter.json")
    assert (counts["total"], counts["kept"]) == (IMAGES, len(expected))


@pytest.mark.parametrize("attribute", ["gender", "quality"])
def test_classifiers(finished, attribute):
    folder = finished / POPULATION / "classifiers" / attribute
    validated = []
    for fold in range(FOLDS):
        assert (folder / f"fold-{fold}.safetensors").is_file()
        document = read_json(folder / f"fold-{fold}.json")
        assert (document["attribute"], document["fold"]) == (attribute, fold)
        assert {"loss", "accuracy", "precision", "recall", "f1", "auroc"} <= set(document)
        validated += document["validation"]["id"]
    assert sorted(validated) == list(range(LABELLED))
    metrics = read_json(folder / "metrics.json")
    assert [item["fold"] for item in metrics["folds"]] == list(range(FOLDS))
    assert metrics["agreement"]["images"] == IMAGES - LABELLED
    assert metrics["published"]["auroc"] > 0.9


@pytest.mark.parametrize("algorithm", MAPPED)
def test_scores(finished, algorithm):
    folder = finished / POPULATION
    table = read_table(folder / f"all_scores_{algorithm}.csv")
    assert list(table.columns) == ["id", *(f"{name}_score" for name in ALGORITHMS[algorithm])]
    segments = sorted((folder / "segments").iterdir())
    rows = next(iter_segments(segments, batch=IMAGES + 1))
    assert table["id"].tolist() == rows.ids[rows.found].tolist()
    statistics = read_json(folder / f"all_scores_{algorithm}.json")
    assert set(statistics) == set(ALGORITHMS[algorithm])
    for name in ALGORITHMS[algorithm]:
        raw = read_table(folder / f"scores/{algorithm}/{name}.parquet")
        assert list(raw.columns) == ["id", "score"] and raw["id"].tolist() == table["id"].tolist()
        summary = statistics[name]
        assert (summary["count"], summary["missing"]) == (len(raw), raw["score"].isna().sum())
        z = (raw["score"] - summary["mean"]) / summary["std"]
        assert np.allclose(table[f"{name}_score"], z, atol=6e-5, equal_nan=True)
    eyes = importlib.import_module("ohlora_lib.scores.eyes")
    raw = read_table(folder / f"scores/{algorithm}/eyes.parquet")["score"].to_numpy()
    assert np.array_equal(raw, getattr(eyes, algorithm)(rows.class_maps[rows.found]))


def test_property_cnn(finished):
    folder = finished / RESULTS / "property_cnn"
    kept = read_table(finished / POPULATION / "filtered.parquet")["id"].tolist()
    table = read_table(folder / "all_scores_v2_cnn.csv")
    assert list(table.columns) == ["id", *(f"{name}_score" for name in ALGORITHMS["v1"])]
    assert table["id"].tolist() == kept and table.notna().all().all()
    metrics = read_json(folder / "metrics.json")
    scores = read_table(finished / POPULATION / "all_scores_v2.csv")
    assert metrics["images"]["train"] + metrics["images"]["validation"] == len(scores)
    assert set(metrics["validation"]) == set(metrics["all"]) == set(ALGORITHMS["v1"])


def test_two_processes_train_what_one_does(project):
    target = f"{RESULTS}/property_cnn/property_cnn.safetensors"
    alone = load_network(project / target).state_dict()
    overlay = {"property_cnn": {"cores": 2}}
    run = snakemake(project, "--cores", "2", "--force", target, overlay=overlay)
    assert run.returncode == 0, said(run)
    together = load_network(project / target).state_dict()
    assert 0 < largest_difference(alone, together) < 1e-3  # none at all: one process trained


def test_the_record_of_the_run(finished):
    record = read_json(finished / RESULTS / "run.json")
    assert record["commit"] == {"id": "unknown", "dirty": None}  # the copy is no checkout
    assert record["environment"] == environment()
    files = [finished / name for name in ("config.yaml", "config/smoke.yaml")]
    config = merged(*(yaml.safe_load(file.read_text()) for file in files))
    resolved = validate_config(config, [str(file) for file in files])
    resolved.pop("runs")
    assert yaml.safe_load((finished / RESULTS / "config.yaml").read_text()) == resolved


def test_finished_runs_are_compared(project):
    results = project / RESULTS
    shutil.copytree(results, project / "first")
    for name in ("a", "b"):
        shutil.copytree(project / "first", results / name, ignore=UNNEEDED)
    edit(results / "b/config.yaml", lambda text: text.replace("bootstrap: 100", "bootstrap: 50"))
    run = snakemake(project, "--cores", "1", "compare", "--config", "runs=a,b")
    assert run.returncode == 0, said(run)
    page = (results / "compare/a-vs-b.html").read_text()
    assert "judging.bootstrap" in page and ">seed<" not in page
    assert all(name in page for name in METHODS)
    for name in ("v1", "v3", "v8", "property_cnn", "hairstyle_cnn"):
        assert f'alt="Training of {name} in both runs"' in page


def test_every_figure_is_a_picture(finished):
    pictures = [p for p in (finished / RESULTS / "report").rglob("*") if p.suffix != ".csv"]
    pictures = [p for p in pictures if p.suffix in (".png", ".jpg")]
    assert len(pictures) >= 10
    for path in pictures:
        picture = cv2.imread(str(path))
        assert picture is not None and min(picture.shape[:2]) > 60 and picture.std() > 5, path


def test_every_job_has_a_log_and_a_benchmark(finished):
    folders = [finished / RESULTS / kind for kind in ("logs", "benchmarks")]
    found = [{p.relative_to(f).with_suffix("") for p in f.rglob("*.*")} for f in folders]
    assert found[0] == found[1] and len(found[0]) > 30
    for path in folders[1].rglob("*.tsv"):
        assert len(pd.read_csv(path, sep="\t")) == 1


def test_nothing_unfinished_is_left(finished):
    assert not list((finished / "results").rglob(".part-*"))
    assert {path.name for path in (finished / "results").iterdir()} == {"smoke"}


# ---- what reruns; test_rebuild.py has the rules, these the jobs of a rule


@pytest.mark.parametrize(
    ("module", "properties"),
    [
        ("eyes", ["eyes"]),
        ("hair_color", ["hair_color"]),
        ("hairstyle", ["hairstyle"]),
        ("background", ["background_mean", "background_std"]),  # shared by two
        ("regions", PROPERTIES),  # shared by all
    ],
)
def test_editing_a_score_reruns_that_property_and_what_depends_on_it(project, module, properties):
    edit(project / f"ohlora_lib/scores/{module}.py", more_code)
    expected = scored(*(pair for pair in MAP_PAIRS if pair[1] in properties))
    if module == "hairstyle":
        assert ("normalise_scores", "v1") not in expected
    assert planned(project) == expected


@pytest.mark.parametrize(
    ("algorithm", "name", "options"),
    [("v1", "eyes", {"rows": [50, 140]}), ("v2", "hair_length", {"row_pixels": 21})],
)
def test_a_score_parameter_reruns_that_algorithm_and_property(finished, algorithm, name, options):
    overlay = {"scores": {algorithm: {name: options}}}
    assert planned(finished, overlay) == scored((algorithm, name))


def test_editing_a_report_module_reruns_the_report_only(project):
    edit(project / "ohlora_lib/reporting/funnel.py", more_code)
    assert planned(project) == {("plot_funnel",)}
    edit(project / "ohlora_lib/reporting/theme.py", more_code)
    jobs = rules(planned(project))
    drawing = {"draw_control_grids"}
    assert "plot_funnel" in jobs
    assert all(name.startswith("plot_") for name in jobs - drawing)


def test_an_option_of_one_attribute_trains_that_attribute_only(finished):
    jobs = planned(finished, {"attributes": {"quality": {"learning_rate": 1.0e-4}}})
    assert {job[1] for job in jobs if job[0] == "train_classifier"} == {"quality"}
    assert not {"generate_images", "take_labels", "annotate_images"} & rules(jobs)


def test_an_option_of_one_fine_tune_trains_and_judges_that_one_only(finished):
    jobs = planned(finished, {"finetune": {"v3": {"options": {"lr": 1.0e-3}}}})
    assert jobs == finetuned("v3")


def test_a_method_is_a_configuration_entry(finished):
    jobs = planned(finished, {"finetune": {"mine": {"version": "v2", "options": {"content": 0.1}}}})
    assert jobs == {("finetune_scores", "mine"), ("plot_training_curves", "mine"), *judged("mine")}


def test_published_recipes_start_from_the_published_parent(project):
    """The rule finetune_scores, and published recipes, which no other run of the tests has."""
    overlay = {"finetune": {"mine": {"version": "v2", "steps": 2, "epoch": 2}}}
    target = f"{RESULTS}/finetune/mine_published/generator.safetensors"
    run = snakemake(project, "--cores", "2", target, overlay=overlay)
    assert run.returncode == 0, said(run)[-8000:]
    for name, recipe in (("v1", "v1 published"), ("mine", "v2 published")):
        path = project / RESULTS / f"finetune/{name}_published/generator.safetensors"
        provenance = read_checkpoint(path).provenance
        assert provenance["recipe"] == recipe and not provenance["options"]["keep_weights"]


def test_a_limit_of_the_second_population_leaves_the_first_alone(finished):
    overlay = {"populations": {"v1": {"filter": {"quality": {"share": 0.9}}}}}
    jobs = planned(finished, overlay, first=False)
    assert ("filter_images", "v1") in jobs and ("finetune_adversarial", "v8") in jobs
    assert ("fit_directions", "linear") in jobs and ("train_hairstyle_cnn",) in jobs
    assert not {"train_classifier", "train_property_cnn", "generate_images"} & rules(jobs)
    assert ("finetune_adversarial", "v1") not in jobs


def test_the_published_recipes_are_methods_of_their_own(finished):
    run = snakemake(finished, "--dry-run", "published")
    assert run.returncode == 0, said(run)
    assert re.search(r"wildcards: version=v3_published\b", said(run))
    assert re.search(r"wildcards: extent=_published\b", said(run))
    assert {"judge_concept", "plot_concept"} <= set(re.findall(r"rule (\w+):", said(run)))
    assert "report/concept_v8_published.png" in said(run)
    assert "wildcards: version=v1\n" not in said(run)  # made already


def test_every_method_is_judged_twice_and_listed(finished):
    for name in METHODS:
        folder = finished / RESULTS / "evaluation" / name
        for judge in ("cnn", "segment"):
            summary = read_json(folder / judge / "summary.json")
            assert summary["latents"] == 4 and summary["judge"] == judge
            assert set(summary["grid50"]["correlation"]) == {"eyes", "mouth", "pose"}
            assert len(read_table(folder / judge / "per_latent.csv")) >= 4
    table = pd.read_csv(finished / RESULTS / "leaderboard.csv")
    assert sorted(table["method"]) == sorted(2 * METHODS)
    cnn = table[table["judge"] == "cnn"].set_index("method")
    assert cnn.loc["finetune_v3", "published_best_corr_pose"] == 0.9318
    assert cnn.loc["vectorfind_v8", "published_corr_eyes"] == 0.8744
    assert "<table" in (finished / RESULTS / "leaderboard.html").read_text()


def test_the_model_that_is_shipped_draws_the_judged_pictures(finished):
    folder = finished / RESULTS
    model = open_model(folder / "model")
    best = read_table(folder / "model/latents.parquet")
    place = folder / "evaluation/directions_linear"
    requests = read_table(place / "requests.parquet")
    own = requests[(requests["latent"] == best["latent"][0]) & (requests["grid"] == "levels")]
    latents = np.stack([best["z"][0]] * len(own))
    drawn = model.draw(latents, own[list(CONTROLLED)].to_numpy(np.float32))
    judged = read_gallery(place / "pictures.parquet", own["row"].to_numpy())
    assert np.array_equal(drawn, judged)
    assert "directions_linear" in (folder / "model/README.md").read_text()


def test_every_way_of_directions_starts_from_another(project):
    overlay = {"directions": {"ways": list(WAYS), "training": {"steps": 2}}}
    folder = f"{RESULTS}/directions"
    ends = set(WAYS) - set(WAYS.values())  # that no other way begins with
    targets = [f"{folder}/{name}/directions.safetensors" for name in ends]
    run = snakemake(project, "--cores", "1", *targets, overlay=overlay)
    assert run.returncode == 0, said(run)[-8000:]
    jobs = r"^(?:local)?rule fit_directions:.*?wildcards: directions=(\w+)"
    fitted = re.findall(jobs, said(run), DEEP)
    assert sorted(fitted) == sorted(set(WAYS) - {"linear"})  # done before, and has no options
    assert "draw_samples" not in said(run)
    assert list((project / RESULTS / "state/directions/trained").glob("state-*"))
    found = {name: project / folder / name / "directions.safetensors" for name in WAYS}
    directions = {name: load_directions(path) for name, path in found.items()}
    assert [each.measured for each in directions.values()] == [0, 1, 1, 4, 3]
    assert np.array_equal(directions["closed_loop"].steps, directions["linear"].steps)
    assert not np.allclose(directions["trained"].steps, directions["masked"].steps)
    assert read_checkpoint(found["closed_loop"]).provenance["samples"] == 400
    for name in ("trained", "control"):
        assert read_checkpoint(found[name]).provenance["training"]["steps"] == 2


def test_an_edited_score_is_computed_by_the_edited_code(project):
    target = f"{POPULATION}/scores/v2/mouth.parquet"
    before = read_table(project / target)
    edit(
        project / "ohlora_lib/scores/mouth.py",
        lambda text: (
            text + "\n_usual = v2\n\n\ndef v2(maps, images=None):\n    return _usual(maps) + 3\n"
        ),
    )
    run = snakemake(project, "--cores", "1", target)
    assert run.returncode == 0, said(run)
    after = read_table(project / target)
    assert np.allclose(after["score"], before["score"] + 3)
    assert "1 of 1 steps" in said(run)


def test_ready_jobs_are_looked_at_when_one_has_ended_and_not_all_the_time(project):
    target = f"{POPULATION}/all_scores_v2.csv"
    command = ("--cores", "1", "--verbose", "--forcerun", "score_property", "--", target)
    run = snakemake(project, *command)
    assert run.returncode == 0 and "9 of 9 steps" in said(run), said(run)
    assert 9 <= said(run).count("Ready jobs:") <= 12


def test_the_number_of_cores_does_not_change_the_images(project):
    shards = sorted((project / POPULATION / "images").iterdir())
    before = [path.read_bytes() for path in shards]
    target = str(shards[0].relative_to(project))
    run = snakemake(project, "--cores", "1", "--force", target)
    assert run.returncode == 0 and "1 of 1 steps" in said(run), said(run)
    assert [path.read_bytes() for path in shards] == before


# ---- refusals


@pytest.fixture(scope="module")
def untouched(tmp_path_factory) -> Path:
    return copy_project(tmp_path_factory.mktemp("untouched") / "project")


@pytest.mark.parametrize(
    ("overlay", "sentence"),
    [
        ({"populations": {"original": {"imagse": 3}}}, "unknown key 'imagse'"),
        ({"attributes": {"gender": {"folds": "five"}}}, "attributes.gender.folds must be a whole"),
        ({"populations": {"original": {"labels": {"count": 999}}}}, "labels.count is 999, more"),
    ],
)
def test_a_wrong_configuration_is_one_sentence(untouched, overlay, sentence):
    run = snakemake(untouched, "--cores", "1", overlay=overlay)
    assert run.returncode != 0
    errors = [line for line in said(run).splitlines() if "error" in line.lower()]
    assert len(errors) == 1 and "Traceback" not in said(run)
    place = untouched / "config/change.yaml"
    assert errors[0].startswith(f"error: {place}, line ") and sentence in errors[0]
    assert not (untouched / "results").exists()


# ---- the shipped weights, made anew

WEIGHTS = {
    "generator": "stylegan_generator",
    "discriminator": "stylegan_discriminator",
    "parser": "face_parser",
    "annotator": "annotator",
}
PRETRAINED = {"pretrain_paired", "pretrain_adversarial", "pretrain_parser", "pretrain_annotator"}
TINY = {  # the least that the schema allows, at 16 pixels
    "portraits": 64,
    "reading_portraits": 64,
    "parsing_portraits": 64,
    "held_out": 50,
    "judged": 1000,
    "network": {
        "resolution": 16,
        "z_dim": 52,
        "w_dim": 64,
        "hidden_dim": 52,
        "fmaps_base": 128,
        "fmaps_max": 16,
    },
    "paired": {"mapping_steps": 1, "kimg": [0.064, 0.064]},
    "adversarial": {"kimg": 0.064, "warmup_steps": 1},
    "annotator": {"kimg": 0.064},
    "parser": {"kimg": 0.064},
}


def test_pretraining_makes_all_weights_and_refuses_to_judge_a_blind_parser(tmp_path):
    project = copy_project(tmp_path / "project")
    plan = snakemake(project, "--dry-run", "pretrain", overlay={"pretrain": TINY})
    assert plan.returncode == 0, said(plan)
    jobs = re.findall(r"^(?:local)?rule (\w+):", said(plan), re.MULTILINE)
    expected = [*PRETRAINED, *5 * ["draw_portraits"], "judge_base_weights", "pretrain"]
    assert sorted(jobs) == sorted(expected)
    run = snakemake(project, "--cores", "2", "pretrain", overlay={"pretrain": TINY})
    assert run.returncode != 0 and "Traceback" not in said(run)
    assert "finds a whole face in " in said(run) and "train the parser" in said(run)
    folder = project / RESULTS / "pretrain"
    kinds = {name: load_network(folder / f"{name}.safetensors").kind for name in WEIGHTS}
    assert kinds == WEIGHTS
    assert set(read_checkpoint(folder / "parser.safetensors").provenance["iou"]) > {"mean"}
    accuracy = read_checkpoint(folder / "annotator.safetensors").provenance["accuracy"]
    assert set(accuracy) == {"gender", "quality", "age", "glass"}
    assert not (folder / "metrics.json").exists()


def without_bytes(raw: bytes) -> bytes:
    half = len(raw) // 2  # within the pictures, which take nearly all of a shard
    return raw[:half] + bytes(100) + raw[half + 100 :]


def without_last_row(raw: bytes) -> bytes:
    return raw[: raw[:-1].rindex(b"\n") + 1]


@pytest.mark.parametrize(
    ("file", "damage", "said_of_it", "target"),
    [
        (
            f"{POPULATION}/images/shard-00001.parquet",
            without_bytes,
            "is damaged or not a shard",
            f"{POPULATION}/annotator.parquet",
        ),
        (
            f"{POPULATION}/all_scores_v2.csv",
            without_last_row,
            "is not what was written",
            f"{RESULTS}/property_cnn/property_cnn.safetensors",
        ),
        (
            f"{RESULTS}/property_cnn/property_cnn.safetensors",
            lambda raw: raw[:-9] + bytes([raw[-9] ^ 1]) + raw[-8:],
            "is damaged: its checksum",
            f"{RESULTS}/property_cnn/all_scores_v2_cnn.csv",
        ),
    ],
    ids=["shard", "csv", "checkpoint"],
)
def test_a_damaged_file_is_named_and_made_again(project, file, damage, said_of_it, target):
    before = (project / file).read_bytes()
    (project / file).write_bytes(damage(before))
    run = snakemake(project, "--cores", "2", "--force", target)
    assert run.returncode != 0 and "Traceback" not in said(run)
    sentence = re.search(rf"error: {re.escape(file)} {said_of_it}.*", said(run))
    assert sentence, said(run)
    assert f"(rm {file}) and run snakemake again" in sentence[0]
    assert not (project / target).exists()
    (project / file).unlink()
    run = snakemake(project, "--cores", "2", target)
    assert run.returncode == 0, said(run)
    assert (project / file).read_bytes() == before and (project / target).is_file()


def test_a_wrong_label_is_named_by_line(project):
    lines = ["id,gender,quality", *(f"{index},1,{index % 2}" for index in range(LABELLED))]
    lines[17] = "16,yes,1"
    (project / "labels.csv").write_text("\n".join(lines))
    overlay = {"populations": {"original": {"labels": {"csv": "labels.csv"}}}}
    target = f"{POPULATION}/labels.parquet"
    run = snakemake(project, "--cores", "1", target, overlay=overlay)
    assert run.returncode != 0
    assert "error: labels.csv, line 18: gender is 'yes', not 0 or 1; correct it" in said(run)
    assert not (project / target).exists()
