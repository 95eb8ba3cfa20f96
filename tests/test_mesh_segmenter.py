"""The segmenter of photographs, on drawn and on real faces."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factories import read_segment_shard

from ohlora_lib.networks.face_mesh_maps import face_maps
from ohlora_lib.networks.mesh_segmenter import MeshSegmenter, load
from ohlora_lib.networks.segmentation import load_segmenter
from ohlora_lib.populations.import_images import import_images
from ohlora_lib.populations.score_property import measure
from ohlora_lib.populations.segment_images import segment
from ohlora_lib.scores import PROPERTIES, eyes, mouth, pose
from ohlora_lib.scores.landmarks import FACE_SIDES
from ohlora_lib.store.tables import read_table, write_table

ROOT = Path(__file__).parents[1]
REAL = ROOT.parent / "shared/data/faces256"  # not part of the repository
MESH = ROOT / "resources/face_mesh/face_mesh.safetensors"
PARSER = ROOT / "resources/faces64/parser.safetensors"
BOX = (0.514, 0.636, 1.135)  # of config/faces64.yaml


@pytest.fixture(scope="module")
def faces() -> dict[str, np.ndarray]:
    """16 drawn faces, and the landmarks that MediaPipe finds in them."""
    with np.load(ROOT / "tests/fixtures/facemesh/faces64.npz") as arrays:
        return {name: arrays[name] for name in ("images", "landmarks")}


@pytest.fixture(scope="module")
def segmenter() -> MeshSegmenter:
    return load(MESH, PARSER, BOX, batch_size=4)


def middle(mask: np.ndarray) -> np.ndarray:
    return np.argwhere(mask).mean(axis=0)


def test_the_parts_of_a_face_lie_where_they_should(faces):
    maps = face_maps(faces["landmarks"], 224)
    assert maps.dtype == np.uint8 and maps.max() == 9
    for one in maps:
        places = {part: middle(one == part) for part in (1, 2, 3, 4, 5, 6, 7, 9)}
        assert places[2][0] < places[4][0] < places[6][0] < places[7][0] < places[9][0]
        assert places[3][0] < places[5][0]
        assert places[4][1] < places[6][1] < places[5][1]
        assert 0.1 < (one > 0).mean() < 0.9


def test_an_open_mouth_shows_its_inside(faces):
    maps = face_maps(faces["landmarks"], 224)
    inside = (maps == 8).sum(axis=(1, 2)) / np.isin(maps, (7, 8, 9)).sum(axis=(1, 2))
    assert np.corrcoef(inside, mouth.v3(faces["landmarks"]))[0, 1] > 0.9


def test_maps_are_the_same_shape_at_any_size_and_empty_without_a_face(faces):
    large, small = (face_maps(faces["landmarks"][:4], side) for side in (224, 112))
    same = (large[:, ::2, ::2] == small).mean()
    assert same > 0.97
    nobody = np.full((1, 478, 3), np.nan)
    far = faces["landmarks"][:1] + 100
    assert not face_maps(np.concatenate([nobody, far]), 64).any()


def test_landmarks_measure_as_mediapipe_s_do(segmenter, faces):
    found = segmenter.segment(faces["images"])
    assert found.found.all() and found.landmarks.dtype == np.float16
    least = {eyes: 0.7, mouth: 0.95, pose: 0.98}
    for score, limit in least.items():
        pairs = score.v3(found.landmarks), score.v3(faces["landmarks"])
        assert np.corrcoef(*pairs)[0, 1] > limit, score.__name__
    turned = found.landmarks[:, FACE_SIDES, 0].astype(float).mean(axis=1)
    assert np.isfinite(turned).all()


def test_a_picture_without_a_face_is_left_out(segmenter, faces):
    noise = np.random.default_rng(0).integers(0, 256, faces["images"][:2].shape, dtype=np.uint8)
    found = segmenter.segment(np.concatenate([noise, faces["images"][:1]]))
    assert found.found.tolist() == [False, False, True]
    assert not found.class_maps[:2].any() and found.class_maps[2].any()
    assert np.isnan(found.landmarks[:2]).all() and np.isfinite(found.landmarks[2]).all()


def test_what_is_found_does_not_depend_on_the_other_pictures(segmenter, faces):
    together = segmenter.segment(faces["images"][:6])
    for row in (0, 5):
        alone = segmenter.segment(faces["images"][row : row + 1])
        assert np.array_equal(alone.class_maps[0], together.class_maps[row])
        assert np.array_equal(alone.landmarks[0], together.landmarks[row])
    assert segmenter.segment(faces["images"][:0]).class_maps.shape == (0, 224, 224)


def test_hair_lies_around_the_face_and_not_in_it(segmenter, faces):
    maps = segmenter.segment(faces["images"]).class_maps
    hair = maps == 10
    assert 0.05 < hair.mean() < 0.5
    rows = np.arange(224)[:, None]
    height = (hair * rows).sum(axis=(1, 2)) / hair.sum(axis=(1, 2)).clip(1)
    assert (height[hair.any(axis=(1, 2))] < 150).mean() > 0.8


def test_a_forehead_is_skin_and_the_upper_corners_are_background(segmenter, faces):
    maps = segmenter.segment(faces["images"]).class_maps
    drawn = face_maps(faces["landmarks"], 224)
    assert ((maps == 1) & (drawn == 0)).mean() > 0.02
    corners = maps[:, :30][:, :, [*range(15), *range(209, 224)]]
    assert (corners == 1).mean() < 0.1


@pytest.mark.skipif(not REAL.is_dir(), reason="needs ../shared/data/faces256")
def test_real_faces_are_imported_segmented_and_scored(tmp_path):
    folder = tmp_path / "faces"
    folder.mkdir()
    for index, file in enumerate(sorted(REAL.glob("*.jpg"))[:40]):
        (folder / f"{index:06d}.jpg").symlink_to(file)
    count = len(list(folder.iterdir()))
    images, segments = tmp_path / "images.parquet", tmp_path / "segments.parquet"
    import_images(folder, [images], count, 256, "names")
    write_table(tmp_path / "kept.parquet", pd.DataFrame({"id": np.arange(count)}))
    segment(
        [images],
        tmp_path / "kept.parquet",
        [segments],
        "mesh",
        MESH,
        options={"parser": PARSER},
    )
    rows = read_segment_shard(segments)
    assert rows.found.mean() > 0.9 and rows.landmarks.shape == (count, 478, 3)
    for name in PROPERTIES:
        measure([segments], [images], tmp_path / "score.parquet", "v3", name, {})
        scores = read_table(tmp_path / "score.parquet")
        assert len(scores) == rows.found.sum() and np.isfinite(scores["score"]).all(), name
    # aligned faces: the eyes are level, at known places
    eye = (rows.class_maps == 4)[rows.found]
    place = np.stack([middle(one) for one in eye if one.any()]).mean(axis=0) / 224
    assert place == pytest.approx([0.475, 0.385], abs=0.05)


def test_it_is_named_in_the_configuration():
    segmenter = load_segmenter("mesh", MESH, box=list(BOX), parser=PARSER)
    assert isinstance(segmenter, MeshSegmenter)
