"""Property scores: parity with the published code, and what must hold for any input."""

import csv
import importlib
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from factories import MAP_PAIRS
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import score_reference
from ohlora_lib.errors import InputError
from ohlora_lib.populations.score_function import ScoreFunction
from ohlora_lib.scores import PROPERTIES, background_mean, eyes, mouth, pose
from ohlora_lib.scores.landmarks import EYES, FACE_SIDES, INNER_LIPS, MOUTH_CORNERS, POINTS
from ohlora_lib.scores.normalize import count_missing, normalize, statistics

FIXTURES = Path(__file__).parent / "fixtures" / "scores"
COLOURS = {"hair_color", "background_mean", "background_std", "hairstyle"}

pytestmark = pytest.mark.filterwarnings("error")
few = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def score(algorithm, name, maps, images):
    module = importlib.import_module(f"ohlora_lib.scores.{name}")
    return getattr(module, algorithm)(maps, images)


def every_score(maps, images):
    return {pair: score(*pair, maps, images) for pair in MAP_PAIRS}


def column(algorithm, name):
    return name if name == "hairstyle" else f"{algorithm}_{name}"


def read(name):
    with (FIXTURES / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def cases():
    with np.load(FIXTURES / "cases.npz") as stored:
        return stored["parsing"], stored["images"]


def blocky(seed, n=2):
    """Return maps of random rectangles (classes missing, cut, touching borders) and noise."""
    random = np.random.default_rng(seed)
    maps = np.full((n, 224, 224), random.choice([0, 1, 10]), dtype=np.uint8)
    for one in maps:
        for value in random.integers(0, 11, random.integers(0, 25)):
            top, left = random.integers(0, 224, 2)
            height, width = random.integers(1, 60, 2)
            one[top : top + height, left : left + width] = value
        speckle = random.random(one.shape) < random.choice([0, 0.001])
        one[speckle] = random.integers(0, 11, speckle.sum())
    images = random.integers(0, 256, (n, 224, 224, 3), dtype=np.uint8)
    return maps, images


def face(opening=12, dy=0, dx=0, tilt=0):
    """Return a face of rectangles; `opening` is the height of the eyes and the inner mouth."""
    one = np.ones((224, 224), dtype=np.uint8)

    def put(value, top, left, height, width):
        one[top + dy : top + dy + height, left + dx : left + dx + width] = value

    put(4, 90, 60, opening, 40)
    put(5, 90 + tilt, 124, opening, 40)
    put(6, 110, 100, 20, 20)
    put(7, 150, 90, 5, 44)
    put(8, 155, 90, opening, 44)
    put(9, 155 + opening, 90, 5, 44)
    return one


# --- parity with the published code ---------------------------------------------------------------


@pytest.mark.parametrize(("algorithm", "name"), MAP_PAIRS)
def test_equals_published_scores_in_every_case(cases, algorithm, name):
    key = column(algorithm, name)
    rows = read("expected.csv")
    expected = [float(row[key]) if row[f"{key}_status"] == "ok" else np.nan for row in rows]
    found = score(algorithm, name, *cases)
    assert found.dtype == np.float64
    assert len(found) == len(rows) == 40
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)  # NaN equals NaN


@pytest.mark.parametrize(("algorithm", "name"), MAP_PAIRS)
def test_equals_published_normalized_scores(cases, algorithm, name):
    rows = {row["case"]: row for row in read("expected_normalized.csv")}
    chosen = np.array([row["case"] in rows for row in read("expected.csv")])
    raw = score(algorithm, name, *cases)[chosen]
    expected = [float(row[column(algorithm, name)]) for row in rows.values()]
    np.testing.assert_allclose(normalize(raw, *statistics(raw)), expected, rtol=0, atol=1.01e-4)


@settings(max_examples=8, deadline=None)  # a third of a second each
@given(seeds)
def test_equals_plain_loops_over_pixels(seed):
    maps, images = blocky(seed, n=1)
    for algorithm, name in MAP_PAIRS:
        if (algorithm, name) != ("v2", "eyes"):  # below, on smaller eyes: all pairs take long
            expected = score_reference.SCORES[algorithm][name](maps[0].tolist(), images[0].tolist())
            found = score(algorithm, name, maps, images)
            np.testing.assert_allclose(found, [expected], rtol=0, atol=1e-9, err_msg=name)


@few
@given(seeds, st.integers(1, 24), st.integers(1, 24), st.floats(0.02, 1))
def test_eyes_equal_all_pairs_of_pixels(seed, height, width, density):
    random = np.random.default_rng(seed)
    maps = np.zeros((4, 224, 224), dtype=np.uint8)
    for one in maps:  # also across the borders of the searched windows
        for value in (4, 5):
            top, left = random.integers(30, 190), random.integers(0, 200)
            window = one[top : top + height, left : left + width]
            window[random.random(window.shape) < density] = value
    images = np.zeros((4, 224, 224, 3), dtype=np.uint8)
    expected = [score_reference.eyes(one.tolist(), []) for one in maps]
    np.testing.assert_allclose(score("v2", "eyes", maps, images), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        # Height 2; (0, 0)-(0, 5) and (0, 0)-(3, 4) are 5 apart: the level pair comes first.
        ([(0, 0), (0, 5), (1, 4), (3, 4)], 2.0),
        # The same upside down: now the slanted pair comes first.
        ([(0, 4), (2, 4), (3, 0), (3, 5)], 2 * 4 / 5),
        # Height 13; (0, 5)-(12, 0) and (0, 5)-(13, 5) are 13 apart: the slanted pair comes first.
        ([(0, 5), (12, 0), (13, 5)], 13 * 5 / 13),
    ],
)
def test_of_equally_distant_pairs_the_first_in_row_major_order_counts(points, expected):
    one = np.zeros((1, 224, 224), dtype=np.uint8)
    for y, x in points:
        one[0, 100 + y, 50 + x] = 4
    assert score("v2", "eyes", one, None)[0] == pytest.approx(expected, abs=1e-12)
    assert score_reference.eyes(one[0].tolist(), []) == pytest.approx(expected, abs=1e-12)


# --- what must hold for any input -----------------------------------------------------------------


@few
@given(seeds, st.permutations(range(4)))
def test_batch_is_the_images_one_by_one_in_any_order(seed, order):
    maps, images = blocky(seed, n=4)
    together = every_score(maps[order], images[order])
    for pair in MAP_PAIRS:
        single = [score(*pair, maps[i : i + 1], images[i : i + 1])[0] for i in order]
        np.testing.assert_array_equal(together[pair], single, err_msg=str(pair))


@few
@given(seeds, st.permutations(range(3)))
def test_order_of_channels_does_not_matter(seed, order):
    maps, images = blocky(seed)
    swapped = every_score(maps, images[..., order])
    for pair, expected in every_score(maps, images).items():
        np.testing.assert_array_equal(swapped[pair], expected, err_msg=str(pair))


@few
@given(st.sets(st.integers(0, 10)), seeds)
def test_missing_classes_never_raise_or_warn(missing, seed):
    maps, images = blocky(seed)
    maps[np.isin(maps, list(missing))] = 1 if 1 not in missing else 255
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = every_score(maps, images)
    may_be_nan = {("v1", "hair_color"), ("v1", "hair_length"), ("v1", "pose"), ("v2", "pose")}
    for pair, values in found.items():
        assert values.shape == (2,)
        assert not np.isinf(values).any()
        assert pair in may_be_nan or not np.isnan(values).any()


@few
@given(st.integers(2, 18), st.integers(1, 10))
def test_opening_raises_eyes_and_mouth(opening, more):
    maps = np.stack((face(opening), face(opening + more)))
    for pair in (("v1", "eyes"), ("v1", "mouth"), ("v2", "mouth")):
        closed, opened = score(*pair, maps, None)
        assert opened > closed
    # v2 counts the slope of the longest line through the eye, so that its growth must be wide.
    maps = np.stack([np.kron(one[80:136, 40:152], np.ones((1, 2), np.uint8)) for one in maps])
    maps = np.pad(maps, ((0, 0), (80, 88), (0, 0)))[:, :, :224]
    maps[maps == 5] = 1
    closed, opened = score("v2", "eyes", np.ascontiguousarray(maps), None)
    assert opened > closed


@few
@given(st.integers(-10, 10), st.integers(-10, 10), st.integers(-9, 9))
def test_moving_the_face_changes_no_shape_score(dy, dx, tilt):
    maps = np.stack((face(tilt=tilt), face(dy=dy, dx=dx, tilt=tilt)))
    for pair in MAP_PAIRS:
        if pair[1] in {"eyes", "mouth", "pose"}:
            here, there = score(*pair, maps, None)
            assert there == pytest.approx(here, abs=1e-12)


def test_tilt_to_the_right_is_positive():
    left, straight, right = score("v2", "pose", np.stack([face(tilt=t) for t in (-8, 0, 8)]), None)
    assert left == -right < straight == 0 < right


def test_eyes_one_above_the_other_have_no_slope():
    one = np.zeros((1, 224, 224), dtype=np.uint8)
    one[0, 80, 100], one[0, 120, 100] = 4, 5
    assert np.isnan(score("v2", "pose", one, None)).all()


@few
@given(seeds, st.integers(1, 60))
def test_brighter_picture_is_brighter_and_as_varied(seed, more):
    maps, images = blocky(seed)
    images //= 2
    before, after = every_score(maps, images), every_score(maps, images + np.uint8(more))
    seen = (maps[:, :112] == 0).any(axis=(1, 2))
    hair = np.count_nonzero(maps == 10, axis=(1, 2)) > 1
    for algorithm in ("v1", "v2"):
        gain = after[algorithm, "background_mean"] - before[algorithm, "background_mean"]
        np.testing.assert_allclose(gain, np.where(seen, more, 0), atol=1e-9)
        gain = after[algorithm, "hair_color"] - before[algorithm, "hair_color"]
        np.testing.assert_allclose(gain[hair], more, atol=1e-9)
    for pair in (("v2", "background_std"), ("v2", "hairstyle")):
        np.testing.assert_allclose(after[pair], before[pair], atol=1e-9)


def test_plain_hair_is_straight_and_rows_make_it_curly():
    maps = np.full((3, 224, 224), 10, dtype=np.uint8)
    images = np.full((3, 224, 224, 3), 90, dtype=np.uint8)
    images[1, :, ::16] = images[1, :, 1::16] = 200  # strands: change sideways only
    images[2, ::16] = images[2, 1::16] = 200  # waves: change downwards only
    plain, strands, waves = score("v2", "hairstyle", maps, images)
    assert plain == strands == 0 < waves


def test_left_block_of_hairstyle_wraps_round_as_published():
    maps = np.zeros((2, 224, 224), dtype=np.uint8)
    maps[:, 112:, :22] = 10  # enough for the anchors x = 8, 9, 10, were the test inside the block
    maps[1, 112:, 221:] = 10  # what column x - 11 reads instead
    images = np.full((2, 224, 224, 3), 90, dtype=np.uint8)
    assert score("v2", "hairstyle", maps, images).tolist() == [0.45, 0.0]


@pytest.mark.parametrize(("algorithm", "name"), MAP_PAIRS)
def test_takes_no_images_at_all_and_leaves_its_input_alone(algorithm, name, cases):
    empty = np.zeros((0, 224, 224), np.uint8), np.zeros((0, 224, 224, 3), np.uint8)
    assert score(algorithm, name, *empty).shape == (0,)
    maps, images = (array[:2].copy() for array in cases)
    maps.flags.writeable = images.flags.writeable = False
    score(algorithm, name, maps, images)


@pytest.mark.parametrize(("algorithm", "name"), MAP_PAIRS)
def test_refuses_arrays_of_another_shape_or_type(algorithm, name):
    images = np.zeros((1, 224, 224, 3), np.uint8)
    with pytest.raises(ValueError, match="class_maps must be uint8"):
        score(algorithm, name, np.zeros((1, 224, 224), np.int64), images)
    with pytest.raises(ValueError, match="class_maps must be uint8"):
        score(algorithm, name, np.zeros((1, 256, 256), np.uint8), images)
    if name in COLOURS:
        with pytest.raises(ValueError, match="images must be uint8"):
            score(algorithm, name, np.zeros((1, 224, 224), np.uint8), images[:, :, :, 0])


def test_share_trimmed_must_leave_something(cases):
    from ohlora_lib.scores import hair_color

    with pytest.raises(ValueError, match="0.5"):
        hair_color.v2(*cases, trimmed=0.5)


@pytest.mark.parametrize("name", PROPERTIES)
def test_module_imports_no_other_property_and_nothing_heavy(name):
    code = f"import sys, ohlora_lib.scores.{name}; print(*sys.modules)"
    root = Path(__file__).parents[1]
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"torch", "pandas", "scipy", "pyarrow"} & set(loaded)
    others = {f"ohlora_lib.scores.{other}" for other in PROPERTIES if other != name}
    assert not others & set(loaded)


# --- normalisation --------------------------------------------------------------------------------


def test_missing_scores_stay_missing_and_do_not_count():
    raw = np.array([1.0, np.nan, 3.0, np.inf])
    mean, std = statistics(raw)
    assert (mean, std) == (2.0, pytest.approx(2**0.5))
    assert count_missing(raw) == 2
    np.testing.assert_array_equal(normalize(raw, mean, std), [-0.7071, np.nan, 0.7071, np.nan])


@pytest.mark.parametrize("raw", [[], [np.nan], [4.0], [0.1, 0.1, 0.1]])
def test_scores_without_spread_are_refused_in_one_sentence(raw):
    raw = np.array(raw)
    with pytest.raises(InputError, match=r"^Cannot normalise mouth \(v2\): [^\n]*\.$"):
        normalize(raw, *statistics(raw), name="mouth (v2)")


@few
@given(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=50).filter(lambda v: np.std(v) > 1e-3))
def test_normalized_scores_have_mean_0_and_deviation_1(values):
    raw = np.array(values)
    z = normalize(raw, *statistics(raw))
    assert abs(z.mean()) < 1e-4
    assert z.std(ddof=1) == pytest.approx(1, abs=2e-4)
    assert not np.signbit(z[z == 0]).any()


# ---- algorithm v3: landmarks


def turned(angle: float, eyes: float = 0.3, mouth: float = 0.2, scale: float = 0.1) -> np.ndarray:
    """Landmarks [478, 3] of a flat face whose openings are known, turned about the upright axis."""
    points = np.zeros((POINTS, 3))
    for centre, (corner_1, upper_1, upper_2, corner_2, lower_2, lower_1) in zip(
        (-1, 1), EYES, strict=True
    ):
        points[[corner_1, corner_2], 0] = centre - 0.5, centre + 0.5
        for upper, lower, x in ((upper_1, lower_1, -0.2), (upper_2, lower_2, 0.2)):
            points[[upper, lower], 0] = centre + x
            points[[upper, lower], 1] = -eyes / 2, eyes / 2
    points[list(MOUTH_CORNERS)] = [-0.6, 2, 0], [0.6, 2, 0]
    points[list(INNER_LIPS), 1] = 2 - mouth * 0.6, 2 + mouth * 0.6
    points[list(FACE_SIDES), 0] = -1.5, 1.5
    x, y, z = points.T
    spun = np.stack([x * np.cos(angle) - z * np.sin(angle), y, x * np.sin(angle)], axis=1)
    return 0.5 + scale * spun


@few
@given(st.floats(-1.4, 1.4), st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 1))
def test_openings_on_landmarks_depend_neither_on_turn_nor_on_size(angle, eye, lips, scale):
    landmarks = turned(angle, eye, lips, scale)[None]
    assert eyes.v3(landmarks) == pytest.approx([eye], abs=1e-9)
    assert mouth.v3(landmarks) == pytest.approx([lips], abs=1e-9)
    assert pose.v3(landmarks) == pytest.approx([angle], abs=1e-9)


def test_the_mean_of_two_eyes_counts():
    landmarks = turned(0.0, eyes=0.4)
    landmarks[[160, 158, 144, 153], 1] = landmarks[33, 1]  # the eye at the left is shut
    assert eyes.v3(landmarks[None]) == pytest.approx([0.2])


def test_missing_landmarks_have_no_score_and_others_are_as_they_were():
    landmarks = np.stack([turned(0.3), np.full((POINTS, 3), np.nan), np.zeros((POINTS, 3))])
    for score_on_landmarks in (eyes.v3, mouth.v3, pose.v3):
        found = score_on_landmarks(landmarks.astype(np.float16))
        assert found.dtype == np.float64 and np.isnan(found[1])
        assert found[0] == pytest.approx(score_on_landmarks(landmarks[:1])[0], rel=0.02)
    assert np.isnan(eyes.v3(landmarks)[2])  # an eye without a width
    with pytest.raises(ValueError, match="478"):
        eyes.v3(landmarks[:, :468])


def test_a_score_function_calls_each_algorithm_with_what_it_measures():
    maps = np.zeros((1, 224, 224), np.uint8)
    pictures = np.zeros((1, 224, 224, 3), np.uint8)
    found = ScoreFunction(mouth, "v3")(maps, pictures, turned(0, mouth=0.5)[None])
    assert found == pytest.approx([0.5])
    assert ScoreFunction(mouth, "v2")(maps, pictures) == [0]
    for name in ("v2", "v3"):
        found = ScoreFunction(background_mean, name, {"empty": 7.0})(maps + 1, pictures)
        assert found == [7.0]
    with pytest.raises(ValueError, match="needs landmarks"):
        ScoreFunction(eyes, "v3")(maps, pictures)
