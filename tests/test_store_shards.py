"""Image and segment shards: round trips, streaming, the Hugging Face layout, damaged files."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from factories import read_segment_shard, write_segment_shard
from hypothesis import given, settings
from hypothesis import strategies as st

from ohlora_lib.errors import InputError
from ohlora_lib.store import shards
from ohlora_lib.store.layout import shard_bounds
from ohlora_lib.store.shards import (
    image_shard,
    iter_images,
    iter_segments,
    read_ids,
    read_image_shard,
    read_recipe,
    segment_shard,
    write_image_shard,
)


def rows(ids, side=8, width=4, labels=0, seed=0):
    """Return arguments for write_image_shard: random pictures for these ids."""
    rng = np.random.default_rng(seed)
    count = len(ids)
    return {
        "ids": np.asarray(ids, np.int64),
        "seeds": rng.integers(0, 2**63 - 1, count),
        "z": rng.normal(size=(count, width)).astype(np.float32),
        "images": rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8),
        "labels": rng.normal(size=(count, labels)).astype(np.float32) if labels else None,
    }


def segments(ids, seed=0, side=224):
    """Return arguments for write_segment_shard."""
    rng = np.random.default_rng(seed)
    return {
        "ids": np.asarray(ids, np.int64),
        "class_maps": rng.integers(0, 11, (len(ids), side, side), dtype=np.uint8),
        "cuts": rng.uniform(0, 64, (len(ids), 4)).astype(np.float32),
        "found": rng.random(len(ids)) < 0.5,
    }


def assert_rows(got, want, columns=("images", "seeds", "z", "labels"), pick=slice(None)):
    np.testing.assert_array_equal(got.ids, want["ids"][pick])
    for name in columns:
        value = getattr(got, name)
        if want[name] is None:
            assert value is None
        else:
            np.testing.assert_array_equal(value, want[name][pick])
            assert value.dtype == want[name].dtype


@given(
    count=st.integers(1, 12),
    side=st.integers(1, 20),
    width=st.integers(1, 9),
    labels=st.integers(0, 3),
    cuts=st.lists(st.integers(1, 11), max_size=3),
)
@settings(max_examples=30, deadline=None)
def test_images_round_trip_and_bytes_do_not_depend_on_batches(
    tmp_path_factory, count, side, width, labels, cuts
):
    folder = tmp_path_factory.mktemp("shards")
    data = rows(range(5, 5 + count), side, width, labels)
    write_image_shard(folder / "a.parquet", **data)
    assert_rows(read_image_shard(folder / "a.parquet"), data)
    edges = [0, *sorted({cut for cut in cuts if cut < count}), count]
    with image_shard(folder / "b.parquet") as writer:
        for start, stop in zip(edges[:-1], edges[1:], strict=True):
            part = {
                key: None if value is None else value[start:stop] for key, value in data.items()
            }
            writer.append(*part.values())
    assert (folder / "a.parquet").read_bytes() == (folder / "b.parquet").read_bytes()


@given(
    shard_count=st.integers(1, 4),
    batch=st.integers(1, 30),
    wanted=st.sets(st.integers(0, 19)) | st.none(),
)
@settings(max_examples=30, deadline=None)
def test_batches_are_full_whatever_the_shards(tmp_path_factory, shard_count, batch, wanted):
    folder = tmp_path_factory.mktemp("shards")
    data = rows(range(20))
    paths = []
    for start, stop in shard_bounds(20, shard_count):
        paths.append(folder / f"shard-{start:05d}.parquet")
        write_image_shard(
            paths[-1], *(None if value is None else value[start:stop] for value in data.values())
        )
    got = list(iter_images(paths, ids=wanted, batch=batch, columns=("image", "z")))
    assert all(len(part) == batch for part in got[:-1])
    pick = sorted(wanted) if wanted is not None else list(range(20))
    assert sum(len(part) for part in got) == len(pick)
    if got:
        np.testing.assert_array_equal(
            np.concatenate([part.images for part in got]), data["images"][pick]
        )
        np.testing.assert_array_equal(np.concatenate([part.z for part in got]), data["z"][pick])
        assert got[0].seeds is None
    np.testing.assert_array_equal(read_ids(paths), data["ids"])


def test_row_groups_and_filter_within_a_large_shard(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "ROW_GROUP", 7)
    data = rows(range(100, 125), labels=2)
    path = tmp_path / "a.parquet"
    write_image_shard(path, **data)
    info = pq.ParquetFile(path)
    assert [info.metadata.row_group(k).num_rows for k in range(info.num_row_groups)] == [7, 7, 7, 4]
    assert_rows(read_image_shard(path, ids=[124, 100, 107]), data, pick=[0, 7, 24])
    assert read_image_shard(path, ids=[]).images.shape[0] == 0
    only = read_image_shard(path, columns=["seed"])
    assert only.images is None and only.z is None and (only.seeds == data["seeds"]).all()


def test_segments_round_trip_in_step_with_images(tmp_path):
    data = segments([3, 4, 8, 9, 11])
    write_segment_shard(tmp_path / "s.parquet", **data)
    whole = read_segment_shard(tmp_path / "s.parquet")
    for name, value in data.items():
        np.testing.assert_array_equal(getattr(whole, name), value)
        assert getattr(whole, name).dtype == value.dtype
    write_image_shard(tmp_path / "i.parquet", **rows(range(12)))
    pairs = zip(
        iter_segments([tmp_path / "s.parquet"], batch=2),
        iter_images([tmp_path / "i.parquet"], ids=data["ids"], batch=2),
        strict=True,
    )
    for segment, image in pairs:
        np.testing.assert_array_equal(segment.ids, image.ids)
    assert read_segment_shard(tmp_path / "s.parquet", ids=[8]).ids.tolist() == [8]


def test_landmarks_round_trip_beside_shards_of_which_nothing_was_kept(tmp_path):
    data = segments([3, 4, 8])
    points = np.random.default_rng(0).random((3, 478, 3)).astype(np.float16)
    points[1] = np.nan  # no face
    paths = [tmp_path / "empty.parquet", tmp_path / "full.parquet"]
    with segment_shard(paths[0]):
        pass
    write_segment_shard(paths[1], **data, landmarks=points)
    (whole,) = iter_segments(paths, batch=9)
    assert whole.landmarks.dtype == np.float16
    np.testing.assert_array_equal(whole.landmarks, points)
    write_segment_shard(paths[0], **segments([1]))
    with pytest.raises(InputError, match="empty.parquet has no column landmarks"):
        list(iter_segments(paths))


def test_found_defaults_to_true(tmp_path):
    data = segments([1, 2])
    del data["found"]
    write_segment_shard(tmp_path / "s.parquet", **data)
    assert read_segment_shard(tmp_path / "s.parquet").found.tolist() == [True, True]


def test_layout_is_the_one_hugging_face_reads(tmp_path):
    write_image_shard(tmp_path / "a.parquet", **rows([7], width=5, labels=3))
    schema = pq.read_schema(tmp_path / "a.parquet")
    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    assert schema.field("image").type == picture and schema.field("image").nullable
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert set(features) == set(schema.names)
    assert features["image"] == {"_type": "Image"}
    for name, width in (("z", 5), ("label", 3)):
        value = {"dtype": "float32", "_type": "Value"}
        assert features[name] == {"feature": value, "length": width, "_type": "List"}
        assert schema.field(name).type == pa.list_(pa.float32(), width)
    for name in ("id", "seed"):
        assert (
            features[name] == {"dtype": "int64", "_type": "Value"}
            and schema.field(name).type == pa.int64()
        )
    cell = pq.read_table(tmp_path / "a.parquet").column("image")[0].as_py()
    assert cell["path"] == "000007.png" and cell["bytes"].startswith(b"\x89PNG")
    write_segment_shard(tmp_path / "s.parquet", **segments([7]))
    schema = pq.read_schema(tmp_path / "s.parquet")
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert schema.field("class_map").type == picture and features["class_map"] == {"_type": "Image"}
    assert set(features) == set(schema.names) and features["found"] == {
        "dtype": "bool",
        "_type": "Value",
    }
    assert schema.field("cut").type == pa.list_(pa.float32(), 4)


def test_a_recipe_is_kept_beside_the_layout(tmp_path):
    recipe = {"seed": 7, "truncation_psi": 0.5, "as_published": False}
    for name, about in (("with", recipe), ("without", None)):
        with image_shard(tmp_path / name, about) as writer:
            writer.append(*rows([1, 2]).values())
        assert read_recipe(tmp_path / name) == about
        assert_rows(read_image_shard(tmp_path / name), rows([1, 2]))
        assert b"huggingface" in pq.read_schema(tmp_path / name).metadata


def test_failure_keeps_the_old_shard(tmp_path):
    path = tmp_path / "a.parquet"
    write_image_shard(path, **rows([1]))
    before = path.read_bytes()
    with pytest.raises(RuntimeError), image_shard(path) as writer:
        writer.append(*rows([2]).values())
        raise RuntimeError
    with pytest.raises(ValueError, match="at least one row"), image_shard(path):
        pass
    with pytest.raises(ValueError, match="other columns"), image_shard(path) as writer:
        writer.append(*rows([2]).values())
        writer.append(*rows([3], width=9).values())
    assert path.read_bytes() == before and [file.name for file in tmp_path.iterdir()] == [
        "a.parquet"
    ]


@given(position=st.integers(0, 10**6), kind=st.sampled_from(["flip", "cut"]))
@settings(max_examples=60, deadline=None)
def test_damage_is_reported_or_harmless(tmp_path_factory, position, kind):
    """A flipped bit or a truncated file gives right rows or one sentence, never wrong pixels."""
    path = tmp_path_factory.mktemp("damage") / "a.parquet"
    data = rows(range(6), side=16, width=16)
    write_image_shard(path, **data)
    raw = bytearray(path.read_bytes())
    position %= len(raw)
    if kind == "flip":
        raw[position] ^= 16
    else:
        del raw[position:]
    path.write_bytes(raw)
    try:
        got = next(iter_images([path], columns=("image", "z", "seed")))
    except InputError as error:
        assert (
            "a.parquet" in str(error)
            and "run snakemake again" in str(error)
            and "\n" not in str(error)
        )
    else:
        assert_rows(got, data, columns=("images", "z", "seeds"))


def test_foreign_files(tmp_path):
    with pytest.raises(InputError, match=r"no\.parquet does not exist"):
        read_image_shard(tmp_path / "no.parquet")
    (tmp_path / "text.parquet").write_text("<html>not here</html>")
    with pytest.raises(InputError, match=r"text\.parquet is damaged or not a shard .* delete it"):
        list(iter_images([tmp_path / "text.parquet"]))
    pq.write_table(pa.table({"id": [1, 2]}), tmp_path / "table.parquet")
    with pytest.raises(InputError, match="not a shard of images .*no column image"):
        read_image_shard(tmp_path / "table.parquet")
    with pytest.raises(InputError, match="not a shard of segments"):
        list(iter_segments([tmp_path / "table.parquet"]))
    write_image_shard(tmp_path / "a.parquet", **rows(range(3)))
    with pytest.raises(InputError, match="not a shard of segments"):
        read_segment_shard(tmp_path / "a.parquet")
    with pytest.raises(InputError, match="no column label"):
        read_image_shard(tmp_path / "a.parquet", columns=["label"])
    with pytest.raises(ValueError, match="unknown columns"):
        read_image_shard(tmp_path / "a.parquet", columns=["picture"])
    with pytest.raises(InputError, match=r"lacks 2 of the wanted images \(id 7, 9\)"):
        read_image_shard(tmp_path / "a.parquet", ids=[1, 7, 9])
    table = pq.read_table(tmp_path / "a.parquet")
    wrong = table.set_column(
        table.schema.get_field_index("seed"), "seed", pa.array(["a", "b", "c"])
    )
    pq.write_table(wrong, tmp_path / "wrong.parquet")
    with pytest.raises(InputError, match="column seed of a wrong type"):
        read_image_shard(tmp_path / "wrong.parquet")


@pytest.mark.parametrize("content", [b"", b"not a picture", None])
def test_undecodable_picture_is_named(tmp_path, content):
    write_image_shard(tmp_path / "a.parquet", **rows([4, 5]))
    table = pq.read_table(tmp_path / "a.parquet")
    cells = table.column("image").to_pylist()
    cells[1]["bytes"] = content
    index = table.schema.get_field_index("image")
    pq.write_table(
        table.set_column(index, "image", pa.array(cells, shards.PICTURE)), tmp_path / "b.parquet"
    )
    with pytest.raises(InputError, match=r"b\.parquet: the picture of id 5 cannot be decoded"):
        read_image_shard(tmp_path / "b.parquet")


def test_pictures_of_two_sizes(tmp_path):
    write_image_shard(tmp_path / "a.parquet", **rows([0]))
    write_image_shard(tmp_path / "b.parquet", **rows([1], side=9))
    with pytest.raises(InputError, match="the picture of id 1 is 9×9 pixels, those before it 8×8"):
        list(iter_images([tmp_path / "a.parquet", tmp_path / "b.parquet"]))


def test_shard_bounds():
    assert shard_bounds(10, 3) == [(0, 3), (3, 6), (6, 10)]
    assert shard_bounds(10000, 4)[-1] == (7500, 10000)
    for count, parts in ((2, 3), (5, 0)):
        with pytest.raises(ValueError, match="do not fill"):
            shard_bounds(count, parts)


def test_a_segment_shard_may_be_empty(tmp_path):
    """The filter may keep no image of a shard; the stages that follow read no rows from it."""
    empty, full = tmp_path / "shard-00000.parquet", tmp_path / "shard-00001.parquet"
    with segment_shard(empty):
        pass
    maps = np.full((3, 224, 224), 7, np.uint8)
    write_segment_shard(full, np.arange(3), maps, np.zeros((3, 4)))
    assert len(read_segment_shard(empty)) == 0
    assert read_ids([empty, full]).tolist() == [0, 1, 2]
    (rows,) = iter_segments([empty, full], batch=8)
    assert np.array_equal(rows.class_maps, maps)
