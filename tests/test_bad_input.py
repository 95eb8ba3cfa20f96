"""Bad input from elsewhere: each ends in one sentence, a non-zero exit, and nothing half-written.

What a sentence says in every case is tested beside the code that says it; here commands and rules
are run on what people really hand in.
"""

# ruff: noqa: E501 (one mistake per line)

import errno
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from click.testing import CliRunner
from PIL import Image
from project import copy_project, said, snakemake
from test_labelling import make_shards, studio_task
from test_weights import Innocent, filled, refusal, registered, write_vectors

from ohlora_lib.cli import main
from ohlora_lib.generators.stylegan1.discriminator import StyleGANDiscriminator
from ohlora_lib.generators.stylegan1.generator import StyleGANGenerator
from ohlora_lib.networks.files import load_network, save_network
from ohlora_lib.populations.labels import read_labels
from ohlora_lib.store.checkpoints import read_checkpoint
from ohlora_lib.weights.convert import build, convert

ROOT = Path(__file__).parents[1]
STYLEGAN = Path(__file__).parent / "fixtures/stylegan"
SMALL = STYLEGAN / "res32_label0.pth"  # 32 pixels, without labels
LABELLED = STYLEGAN / "res64_label7.pth"
PUBLISHED = json.loads(
    (Path(__file__).parent / "fixtures/published_layouts/state_dicts.json").read_text()
)


def listing(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def one_sentence(*arguments: str) -> str:
    """Run the command `ohlora`, which must end in one sentence; return that."""
    found = CliRunner().invoke(main, list(arguments))
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    assert found.exit_code != 0
    lines = [line for line in found.output.splitlines() if line and "B/s]" not in line]  # progress
    assert len(lines) == 1 and lines[0].lower().startswith("error: "), found.output
    return lines[0]


# ---- weights


def cut(path: Path) -> None:
    path.write_bytes(SMALL.read_bytes()[:-5000])


def page(path: Path) -> None:
    path.write_text("<!DOCTYPE html><title>Sign in to download</title>")


def code(path: Path) -> None:
    torch.save({"generator": Innocent()}, path)


def small(path: Path) -> None:
    path.write_bytes(SMALL.read_bytes())


def swapped(path: Path) -> None:
    weights = torch.load(SMALL, weights_only=True)
    keys = ("generator_smooth", "discriminator", "generator")
    torch.save(
        dict(zip(keys, (weights[key] for key in ("discriminator", *keys[::2])), strict=True)), path
    )


def network(role: str) -> Callable[[Path], object]:
    """Return what writes one network alone, as the reference's files hold it."""
    return lambda path: torch.save(torch.load(LABELLED, weights_only=True)[role], path)


def without(role: str, lost: str) -> Callable[[Path], object]:
    """Return what writes a published file without one of its keys."""
    shapes = {name: shape for name, shape in PUBLISHED[role].items() if name != lost}
    return lambda path: torch.save({k: torch.zeros(v) for k, v in shapes.items()}, path)


def other_keys(path: Path) -> None:
    torch.save({"state_dict_backbone": {"backbone.weight": torch.zeros(3)}}, path)


GENFORCE, PROPERTY = (
    "genforce_celeba256/celeba_partial-256x256.pth",
    "stylegan_gen_fine_tuned_v2_cnn.pth",
)
ENCODER = "reference_v3_encoder/stylegan_gen_fine_tuned_v3_ckpt_0005_enc.pth"
WEIGHTS = {  # what is wrong: where the file is put, what writes it, what is said
    "truncated": (GENFORCE, cut, "is truncated"),
    "HTML": (GENFORCE, page, "is a web page (HTML), not weights"),
    "pickle with code": (GENFORCE, code, "would run code when read"),
    "resolution": (GENFORCE, small, "it has resolution 32, not 256; the first difference is at "),
    "swapped in one file": (GENFORCE, swapped, "holds a stylegan_discriminator where a stylegan_generator is needed"),
    "discriminator for generator": ("reference_v3/stylegan_gen_fine_tuned_v3_ckpt_0005_gen.pth", network("discriminator"), "holds a stylegan_discriminator where a stylegan_generator"),
    "another network's keys": ("facexformer/model.pt", other_keys, "does not have the layout facexformer; the first difference is at "),
    "a key of the property CNN": (f"reference_property_cnn/{PROPERTY}", without(f"{PROPERTY} (property score CNN, 7 scores)", "eyes_score_cnn.conv2.0.bias"), "the first difference is at eyes_score_cnn.conv2.0.bias: expected [64], found absent"),
    "a key of the encoder": (ENCODER, without("cvae encoder of v3", "conv1.0.bias"), "the first difference is at conv1.0.bias: expected ["),
}  # fmt: skip


@pytest.mark.parametrize("case", WEIGHTS)
def test_wrong_weights_are_not_imported(tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    place, spoil, expected = WEIGHTS[case]
    path = Path("weights/downloads", place)
    path.parent.mkdir(parents=True)
    spoil(path)
    before = listing(tmp_path)
    text = one_sentence("weights", "import", path.parent.name)
    assert str(path) in text and expected in text
    assert listing(tmp_path) == before


def test_a_pair_of_files_in_each_other_s_place_is_not_imported(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = Path("weights/downloads/reference_v1")
    folder.mkdir(parents=True)
    network("discriminator")(folder / "stylegan_gen_fine_tuned_v1.pth")
    network("generator")(folder / "stylegan_dis_fine_tuned_v1.pth")
    before = listing(tmp_path)
    text = one_sentence("weights", "import", "reference_v1")
    assert "holds a stylegan_discriminator where a stylegan_generator is needed" in text
    assert "put swapped files in each other's place" in text
    part = registered("reference_v1", "discriminator")
    text = refusal(
        convert, folder / "stylegan_dis_fine_tuned_v1.pth", part, tmp_path / "d.safetensors"
    )
    assert "holds a stylegan_generator where a stylegan_discriminator is needed" in text
    assert listing(tmp_path) == before


@pytest.mark.parametrize(
    ("role", "entry", "part", "key"),
    [
        ("gender_model_{k}.pt (k=0..4)", "reference_attribute_cnns", "gender-0", "conv2.0.weight"),
        ("merged property CNN (v8, 8 scores)", "reference_merged_cnn", "property_cnn", "hair_length_score_cnn.conv1.0.bias"),
        ("v5 discriminator", "reference_v5", "discriminator", "mouth_score_cnn.conv1.0.weight"),
        ("cvae encoder of v3", "reference_v3_encoder", "encoder", "conv2.0.weight"),
        ("cvae encoder of v3", "reference_v3_encoder", "encoder", "fc1.0.bias"),
        ("v8 discriminator", "reference_v8", "discriminator", "layer0.weight"),
        ("facexformer", "facexformer", "facexformer", "face_decoder.age_token.weight"),
    ],
)  # fmt: skip
def test_a_key_that_is_missing_or_of_another_shape_is_named_as_published(role, entry, part, key):
    part = registered(entry, part)
    shapes = PUBLISHED.get(role)
    if shapes is None:
        known = json.loads(
            (Path(__file__).parent / "fixtures/facexformer/state_dict.json").read_text()
        )
        shapes = {name: about["shape"] for name, about in known["state_dict"].items()}
    assert key in shapes
    lost = {name: shape for name, shape in shapes.items() if name != key}
    text = refusal(build, "file", filled(lost), part.layout, part.config)
    assert f"the first difference is at {key}: expected [" in text and "found absent" in text
    grown = {**shapes, key: [size + 1 for size in shapes[key]]}
    text = refusal(build, "file", filled(grown), part.layout, part.config)
    assert f"the first difference is at {key}: expected [" in text and f"found {grown[key]}" in text


def test_networks_in_each_other_s_place_are_refused_once_converted():
    folder = ROOT / "resources/embedded"
    for file, kind in (("generator", StyleGANDiscriminator), ("discriminator", StyleGANGenerator)):
        path = folder / f"{file}.safetensors"
        text = refusal(load_network, path, kind.kind)
        assert text.startswith(
            f"{path} holds a stylegan_{file} network where a {kind.kind} network"
        )


# ---- directions: a spreadsheet's dress is no mistake, a column too many is


@pytest.mark.parametrize("dress", ["byte order mark", "Windows line ends"])
def test_directions_saved_by_a_spreadsheet_are_taken(tmp_path, dress):
    folder = tmp_path / "property_score_vectors"
    write_vectors(folder, "v7")
    part = registered("reference_vectors_v7", "vectors")
    convert(folder, part, tmp_path / "plain.safetensors")
    for file in folder.iterdir():
        content = file.read_bytes()
        file.write_bytes(
            b"\xef\xbb\xbf" + content
            if dress == "byte order mark"
            else content.replace(b"\n", b"\r\n")
        )
    convert(folder, part, tmp_path / "dressed.safetensors")
    plain, dressed = (
        read_checkpoint(tmp_path / f"{name}.safetensors").tensors for name in ("plain", "dressed")
    )
    assert all(torch.equal(plain[name], dressed[name]) for name in ("directions", "medians"))


def widen(folder: Path) -> None:
    file = folder / "eyes_change_w_vector_hhh.csv"
    file.write_text("".join(f"{line},0\n" for line in file.read_text().splitlines()))


def test_directions_with_a_column_too_many_are_not_imported(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = Path("weights/downloads/reference_vectors_v7/property_score_vectors")
    folder.parent.mkdir(parents=True)
    write_vectors(folder, "v7")
    widen(folder)
    before = listing(tmp_path)
    text = one_sentence("weights", "import", "reference_vectors_v7")
    assert (
        "eyes_change_w_vector_hhh.csv has [1, 513] numbers where a direction has [1, 512]" in text
    )
    assert listing(tmp_path) == before


# ---- exports of Label Studio


@pytest.fixture
def population(tmp_path, monkeypatch) -> Path:
    make_shards(tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    return tmp_path


CSV = "id,image,gender,lead_time\n1,000000.png,female,2\n2,000001.png,male,3\n"


@pytest.mark.parametrize(
    "content",
    [
        CSV.encode(),
        b"\xef\xbb\xbf" + CSV.encode(),
        CSV.replace("\n", "\r\n").encode(),
        b"note," + CSV.replace("\n1", "\n,1").replace("\n2", '\n"a, b",2').encode(),
        b"\xef\xbb\xbf" + json.dumps([studio_task(), studio_task(2, "1.png", "male")]).encode(),
    ],
)
def test_exports_in_every_dress_are_taken(population, content):
    Path("export").write_bytes(content)
    found = CliRunner().invoke(main, ["label", "--attributes", "gender", "--import", "export"])
    assert found.exit_code == 0, found.output
    assert read_labels("labels/original.csv", ["gender"], 6)["gender"].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (json.dumps([studio_task(7, lead_time=float("nan"))]), "task 7: lead_time is nan, not seconds"),
        (json.dumps([studio_task(7, choice="woman")]), "task 7: gender is 'woman', not female or male"),
        (json.dumps([studio_task(7, image="000009.png")]), "task 7: image 9 is not among those to label"),
        (json.dumps([studio_task(7), studio_task(8)]), "task 8: image 0 is task 7 too"),
        (CSV.replace("3\n", "nan\n"), "task 2: lead_time is 'nan', not seconds"),
        (CSV.replace("male,3", "male"), "task 2: more or fewer fields than the header has"),
        (CSV.replace("000001", "000000"), "task 2: image 0 is task 1 too"),
        (CSV.replace("image", "picture"), "has no columns id and image"),
        ("[{", "is not JSON"),
        ("<html>", "has no columns id and image"),
        ("", "has no columns id and image"),
    ],
)  # fmt: skip
def test_wrong_exports_are_not_imported(population, content, expected):
    Path("export").write_text(content)
    before = listing(population)
    text = one_sentence("label", "--attributes", "gender", "--import", "export")
    assert "export" in text and expected in text
    assert listing(population) == before


# ---- a disk that takes nothing


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "weights/somewhere")


@pytest.mark.parametrize("failing", ["replace", "mkdir"])
@pytest.mark.parametrize("action", ["import", "fetch"])
def test_weights_on_a_full_disk_are_one_sentence(tmp_path, monkeypatch, failing, action):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "source").mkdir()
    (tmp_path / "source/small.pth").write_bytes(SMALL.read_bytes())
    part = {"layout": "stylegan_generator", "key": "generator"}
    texts = {"title": "t", "licence": "MIT", "page": "https://example.org", "manual": "copy {file}"}
    entry = {**texts, "url": (tmp_path / "source/small.pth").as_uri()}
    entry["files"] = {"small.pth": {"makes": {"generator": part}}}
    Path("weights.yaml").write_text(yaml.safe_dump({"small": entry}))
    command = ["weights", "--registry", "weights.yaml", action, "small"]
    if action == "import":
        fetched = CliRunner().invoke(main, [*command[:3], "fetch", "small"])
        assert fetched.exit_code == 0, fetched.output
    before = listing(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, failing, full)
        text = one_sentence(*command)
    assert (
        "weights/somewhere cannot be read or written (No space left on device); make room" in text
    )
    assert not [
        name for name in listing(tmp_path) - before if name.endswith((".pth", ".safetensors"))
    ]


def test_an_export_to_a_full_disk_is_one_sentence(population, monkeypatch):
    Path("export").write_text(CSV)
    CliRunner().invoke(main, ["label", "--attributes", "gender", "--import", "export"])
    before = listing(population)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        text = one_sentence("label", "--attributes", "gender", "--export", "to.json")
    assert "No space left on device" in text and listing(population) == before


# ---- rules: all of it at once, one job each

GOOD = "id,gender,quality\n" + "".join(f"{i},{i % 2},1\n" for i in range(8))
LABELS = {  # population: its table, what is said
    "twice": (GOOD + "3,1,1\n", "line 10: image 3 is labelled twice"),
    "gap": (GOOD.replace("3,1,1\n", ""), "has no label for image 3 of the first 8"),
    "nan": (GOOD.replace("3,1,1", "3,nan,1"), "line 5: gender is 'nan', not 0 or 1"),
    "range": (GOOD.replace("3,1,1", "3,1,2"), "line 5: quality is '2', not 0 or 1"),
    "beyond": (GOOD + "8,1,1\n", "line 10: there is no image 8 (they run from 0 to 7)"),
}
PICTURES = {
    "wide": (lambda path: Image.new("RGB", (64, 32)).save(path), "is 64×32 pixels, not square"),
    "grey": (lambda path: Image.new("L", (64, 64)).save(path), "is grey, not RGB of 8 bits"),
    "small": (lambda path: Image.new("RGB", (32, 32)).save(path), "is 32×32 pixels where the domain has 64×64"),
    "torn": (lambda path: path.write_bytes(path.read_bytes()[:60]), "is damaged"),
}  # fmt: skip
GENERATORS = {
    "tiny": ("models/tiny.safetensors", "draws 32 pixels a side where the domain has 64"),
    "swapped": ("resources/embedded/discriminator.safetensors", "holds a stylegan_discriminator network where a generator"),
}  # fmt: skip
IMPORTS = {  # what `import_weights` makes: see WEIGHTS
    "genforce_celeba256/generator": "truncated",
    "facexformer/facexformer": "HTML",
    "reference_property_cnn/property_cnn": "a key of the property CNN",
    "reference_v3/generator": "discriminator for generator",
    "reference_v3_encoder/encoder": "pickle with code",
}


def spoilt_populations(project: Path) -> dict[str, dict]:
    """Write what the populations are made of; return their configuration."""
    recipe = {"images": 8, "labels": {"count": 8}, "attributes": ["gender", "quality"]}
    found = {}
    for name, (content, _) in LABELS.items():
        (project / f"{name}.csv").write_text(content)
        found[name] = {**recipe, "labels": {"count": 8, "csv": f"{name}.csv"}}
    for name, (spoil, _) in PICTURES.items():
        (project / name).mkdir()
        draw = np.random.default_rng(0)
        for number in range(8):
            image = draw.integers(0, 256, (64, 64, 3), np.uint8)
            Image.fromarray(image).save(project / name / f"{number:06d}.png")
        spoil(project / name / "000002.png")
        found[name] = {**recipe, "images_from": {"folder": name}}
    for name, (path, _) in GENERATORS.items():
        found[name] = {**recipe, "generator": path}
    return found


def spoilt_downloads(project: Path) -> None:
    """Put wrong files where published ones belong, and register three that are to be downloaded."""
    for target, case in IMPORTS.items():
        name, spoil = target.split("/")[0], WEIGHTS[case][1]
        registered_file = next(
            Path(place) for place, *_ in WEIGHTS.values() if place.startswith(f"{name}/")
        )
        path = project / "weights/downloads" / registered_file
        path.parent.mkdir(parents=True)
        spoil(path)
    folder = project / "weights/downloads/reference_vectors_v7/property_score_vectors"
    folder.parent.mkdir()
    write_vectors(folder, "v7")
    widen(folder)
    part = {"layout": "stylegan_generator", "key": "generator"}
    texts = {"title": "t", "licence": "MIT", "page": "https://example.org", "manual": "copy {file}"}
    for name, write, about in (
        ("good", small, {"bytes": SMALL.stat().st_size}),
        ("wrong_sum", small, {"sha256": "0" * 64}),
        ("web_page", page, {}),
    ):
        source = project / f"offered/{name}.pth"
        source.parent.mkdir(exist_ok=True)
        write(source)
        entry = {
            **texts,
            "url": source.as_uri(),
            "files": {f"{name}.pth": {"makes": {"generator": part}, **about}},
        }
        with (project / "resources/weights.yaml").open("a") as file:
            file.write("\n" + yaml.safe_dump({name: entry}))


def log_of(project: Path, path: str) -> str:
    """Return the one error of a job's log."""
    text = (project / "results/smoke/logs" / path).read_text()
    assert "Traceback" not in text, text
    (line,) = re.findall(r"^error: .*$", text, re.M)
    assert text.rstrip().endswith(line)
    return line


@pytest.mark.slow
def test_rules_refuse_the_same_and_write_nothing(tmp_path):
    project = copy_project(tmp_path / "project")
    (project / "models").mkdir()
    save_network(project / "models/tiny.safetensors", StyleGANGenerator(32, 16, 16, 16, 3, 512, 16))
    overlay = {"populations": spoilt_populations(project), "domain": {"download": True}}
    spoilt_downloads(project)
    tables = [f"results/smoke/{name}/labels.parquet" for name in LABELS]
    images = [
        f"results/smoke/{name}/images/shard-00000.parquet" for name in (*PICTURES, *GENERATORS)
    ]
    vectors = "reference_vectors_v7/vectors"
    fetched = ("good/generator", "wrong_sum/generator", "web_page/generator")
    weights = [f"weights/{name}.safetensors" for name in (*IMPORTS, vectors, *fetched)]
    run = snakemake(
        project, "--cores", "2", "--keep-going", *tables, *images, *weights, overlay=overlay
    )
    assert run.returncode == 1, said(run)
    made = [path for path in (*tables, *images, *weights) if (project / path).exists()]
    assert made == ["weights/good/generator.safetensors"]
    assert not [name for name in listing(project) if ".part" in name]
    for name, (_, expected) in LABELS.items():
        assert f"error: {name}.csv" in log_of(project, f"take_labels/{name}.log")
        assert expected in log_of(project, f"take_labels/{name}.log")
    for name, (_, expected) in PICTURES.items():
        text = log_of(project, f"import_images/{name}.log")
        assert text.startswith(f"error: {name}/000002.png {expected}")
    for name, (path, expected) in GENERATORS.items():
        text = log_of(project, f"generate_images/{name}.log")
        assert text.startswith(f"error: {path} {expected}")
    for target, case in IMPORTS.items():
        assert WEIGHTS[case][2] in log_of(project, f"import_weights/{target}.log")
    assert "has [1, 513] numbers" in log_of(project, f"import_weights/{vectors}.log")
    text = log_of(project, "fetch_weights/wrong_sum/wrong_sum.pth.log")
    assert "has the SHA-256" in text and "wrong_sum.pth.rejected" in text
    text = log_of(project, "fetch_weights/web_page/web_page.pth.log")
    assert "is a web page (HTML), not weights" in text
    assert not (project / "weights/downloads/web_page/web_page.pth").exists()
