"""A folder of pictures as a population: which files are taken, what is refused, the rule."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from test_workflow import copy_project, said, snakemake

from ohlora_lib.errors import InputError
from ohlora_lib.populations.import_images import import_images, read_picture
from ohlora_lib.populations.labels import read_labels
from ohlora_lib.store.shards import iter_images, read_image_shard

FACES = Path(__file__).parents[2] / "shared/data/faces256"
SIDE, COUNT = 16, 5


def pixels(seed: int, side: int = SIDE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)


def save(path: Path, image: np.ndarray | None = None) -> None:
    Image.fromarray(pixels(0) if image is None else image).save(path)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Return a folder of numbered pictures, as published."""
    made = tmp_path / "pictures"
    made.mkdir()
    for number in range(COUNT):
        save(made / f"{number:06d}.png", pixels(number))
    return made


def imported(folder: Path, shards: int = 2, **changes) -> list[Path]:
    paths = [folder.parent / f"shard-{index:05d}.parquet" for index in range(shards)]
    options = {"count": COUNT, "resolution": SIDE, "numbers": "names", **changes}
    import_images(folder, paths, **options)
    return paths


# ---- what is taken


def test_the_number_in_a_files_name_is_its_id(folder):
    (rows,) = iter_images(imported(folder), columns=("image",))
    assert rows.ids.tolist() == list(range(COUNT))
    assert np.array_equal(rows.images, np.stack([pixels(number) for number in range(COUNT)]))


def test_imported_images_have_no_latents(folder):
    first = imported(folder)[0]
    rows = read_image_shard(first)
    assert rows.images is not None and rows.z is None and rows.seeds is None
    with pytest.raises(InputError, match="has no column z"):
        read_image_shard(first, columns=["z"])


def test_jpeg_is_kept_as_decoded(folder):
    (folder / "000003.png").unlink()
    Image.fromarray(pixels(3)).save(folder / "3.JPG", quality=95)
    (rows,) = iter_images(imported(folder))
    with Image.open(folder / "3.JPG") as picture:
        assert np.array_equal(rows.images[3], np.asarray(picture))


def test_other_files_hidden_ones_and_later_numbers_are_passed_over(folder):
    (folder / "manifest.csv").write_text("file\n")
    (folder / "._000000.png").write_bytes(b"\0")
    (folder / "000009.png").write_text("not looked at")
    assert len(next(iter_images(imported(folder)))) == COUNT
    assert len(next(iter_images(imported(folder, count=3)))) == 3


def test_files_can_be_numbered_by_the_order_of_their_names(folder):
    names = ["b__000000.png", "a__000001.png", "a__000000.png"]
    for number, name in enumerate(names):
        (folder / f"{number:06d}.png").rename(folder / name)
    (rows,) = iter_images(imported(folder, numbers="order"))
    order = [3, 4, 2, 1, 0]  # 000003.png, 000004.png, a…, a…, b…
    assert np.array_equal(rows.images, np.stack([pixels(number) for number in order]))


@pytest.mark.skipif(not FACES.is_dir(), reason="needs the real faces of ../shared/data")
def test_real_faces_survive_the_import(tmp_path):
    files = sorted(FACES.glob("*.jpg"))
    path = tmp_path / "shard.parquet"
    import_images(FACES, [path], len(files), 256, "order")
    rows = read_image_shard(path)
    assert rows.ids.tolist() == list(range(len(files))) and rows.images.shape[1:] == (256, 256, 3)
    for row in (0, 17, len(files) - 1):
        assert np.array_equal(rows.images[row], read_picture(files[row], 256))
    with pytest.raises(InputError, match="is not named by a number"):
        import_images(FACES, [path], 4, 256, "names")


# ---- what is refused


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def cut_jpeg(path: Path) -> None:
    Image.fromarray(pixels(1)).save(path, format="JPEG")
    path.write_bytes(path.read_bytes()[:-60])


REFUSALS: dict[str, tuple[Callable[[Path], object], str]] = {
    "resolution": (lambda p: save(p, pixels(0, 32)), "is 32×32 pixels where the domain has 16×16"),
    "not square": (lambda p: save(p, pixels(0)[:9]), "is 16×9 pixels, not square"),
    "grey": (lambda p: save(p, pixels(0)[..., 0]), "is grey, not RGB"),
    "transparent": (lambda p: save(p, np.zeros((16, 16, 4), np.uint8)), "is of the kind RGBA"),
    "16 bits": (lambda p: save(p, np.zeros((16, 16), np.uint16)), "is grey, not RGB of 8 bits"),
    "web page": (lambda p: p.write_text("<html>"), "neither PNG nor JPEG"),
    "empty": (lambda p: p.write_bytes(b""), "neither PNG nor JPEG"),
    "cut": (cut, "is damaged"),
    "cut JPEG": (cut_jpeg, "is damaged"),
    "GIF": (lambda p: Image.new("RGB", (16, 16)).save(p, format="GIF"), "neither PNG nor JPEG"),
    "folder": (lambda p: (p.unlink(), p.mkdir()), "cannot be read"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_wrong_picture_is_named_and_nothing_is_written(folder, case):
    spoil, expected = REFUSALS[case]
    file = folder / "000001.png"
    spoil(file)
    with pytest.raises(InputError) as info:
        imported(folder)
    text = str(info.value)
    assert text.startswith(f"{file} ") and expected in text and "; " in text, text
    assert "\n" not in text
    assert [path.name for path in folder.parent.iterdir()] == ["pictures"]


@pytest.mark.parametrize(
    ("spoil", "changes", "expected"),
    [
        (lambda f: (f / "000002.png").unlink(), {}, "has no picture 2 of the 5 wanted"),
        (lambda f: None, {"count": 12}, "has no picture 5, 6, 7 and 4 more of the 12 wanted"),
        (lambda f: None, {"count": 12, "numbers": "order"}, "has 5 pictures where 12 are wanted"),
        (lambda f: save(f / "2.jpg"), {}, "2.jpg and 000002.png are the same number"),
        (lambda f: save(f / "face.png"), {}, "face.png is not named by a number"),
        (lambda f: save(f / "٣.png"), {}, "٣.png is not named by a number"),
        (lambda f: [file.unlink() for file in f.iterdir()], {}, "has no file ending in .png"),
        (lambda f: f.rename(f.with_name("elsewhere")), {}, "is no folder"),
    ],
)
def test_a_wrong_folder_is_named_and_nothing_is_written(folder, spoil, changes, expected):
    spoil(folder)
    with pytest.raises(InputError) as info:
        imported(folder, **changes)
    text = str(info.value)
    assert str(folder) in text and expected in text and "\n" not in text, text
    assert not list(folder.parent.glob("*shard*"))


# ---- published labels


@pytest.mark.parametrize(
    ("header", "attributes"),
    [
        ("img_name,quality,gender", ["gender", "quality"]),  # of the first 2,000 of 10,000
        ("idx,gender,quality", ["quality", "gender"]),
        ("idx,glasses,old", ["glass"]),
        ("note,img_name,glass", ["glass"]),
    ],
)
@pytest.mark.parametrize("dress", [str, lambda text: "\ufeff" + text.replace("\n", "\r\n")])
def test_published_tables_are_read_as_they_are(tmp_path, header, attributes, dress):
    path = tmp_path / "published.csv"
    names = header.split(",")
    number = next(i for i, name in enumerate(names) if name in ("img_name", "idx"))
    lines = [["1"] * len(names), ["0"] * len(names)]
    lines[0][number], lines[1][number] = "0", "1"
    path.write_bytes(dress("\n".join([header, *map(",".join, lines)]) + "\n").encode())
    found = read_labels(path, attributes, 10_000)
    assert found.to_dict("list") == {"id": [0, 1], **{name: [1, 0] for name in attributes}}


def test_our_own_column_wins_over_a_published_one(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("img_name,id,glass,glasses\n7,0,1,x\n8,1,0,x\n")
    found = read_labels(path, ["glass"], 2)
    assert found.to_dict("list") == {"id": [0, 1], "glass": [1, 0]}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("0,1\n0,1\n", "line 3: image 0 is labelled twice"),
        ("0,nan\n", "line 2: glass is 'nan', not 0 or 1"),
        ("0,2\n", "line 2: glass is '2', not 0 or 1"),
        ("2,1\n", "line 2: there is no image 2"),
        (",1\n", "line 2: id '' is not a whole number"),
    ],
)
def test_mistakes_in_published_tables_are_named(tmp_path, rows, expected):
    path = tmp_path / "labels.csv"
    path.write_text(f"idx,glasses\n{rows}")
    with pytest.raises(InputError, match="^" + str(path)) as info:
        read_labels(path, ["glass"], 2)
    assert expected in str(info.value)


# ---- the rule

SHARD = "results/smoke/original/images/shard-00000.parquet"


def run(project: Path) -> subprocess.CompletedProcess:
    overlay = yaml.safe_load((project / "import.yaml").read_text())
    return snakemake(project, "--cores", "1", SHARD, overlay=overlay)


@pytest.mark.slow
def test_the_rule_imports_follows_the_folder_and_refuses(tmp_path):
    project = copy_project(tmp_path / "project")
    pictures = project / "pictures"
    pictures.mkdir()
    for number in range(COUNT):
        save(pictures / f"{number:06d}.png", pixels(number, 64))
    recipe = {
        "images": COUNT,
        "images_from": {"folder": "pictures"},
        "labels": {"count": 4},
    }
    (project / "import.yaml").write_text(yaml.safe_dump({"populations": {"original": recipe}}))
    done = run(project)
    assert done.returncode == 0, said(done)
    assert "generate_images" not in said(done)
    assert len(next(iter_images([project / SHARD]))) == COUNT // 2
    assert "Nothing to be done" in said(run(project))

    save(pictures / "000001.png", pixels(9, 32))
    done = run(project)
    assert done.returncode == 1 and not (project / SHARD).exists()
    log = (project / "results/smoke/logs/import_images/original.log").read_text().splitlines()
    assert log[-1].startswith("error: pictures/000001.png is 32×32 pixels where the domain has 64")
    assert not [line for line in log if "Traceback" in line]
