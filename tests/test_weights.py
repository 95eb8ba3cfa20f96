"""Weights made by others: the registry, the layouts, and what is refused."""

import io
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ohlora_lib.errors import InputError
from ohlora_lib.methods.reference.adopt import adopt_generator
from ohlora_lib.methods.vectorfind.groups import VERSIONS, group_name
from ohlora_lib.methods.vectorfind.vectors import load_vectors
from ohlora_lib.networks.files import NETWORKS, load_network
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.store.checkpoints import read_checkpoint
from ohlora_lib.weights.convert import build, convert
from ohlora_lib.weights.entries import Part
from ohlora_lib.weights.layouts import LAYOUTS
from ohlora_lib.weights.pickles import read_state_dict
from ohlora_lib.weights.registry import find_entry, find_part, load_registry
from ohlora_lib.weights.signatures import sha256_of
from ohlora_lib.weights.vectors import LAYOUT as VECTORS
from ohlora_lib.weights.vectors import WIDTHS

FIXTURES = Path(__file__).parent / "fixtures"
PUBLISHED = json.loads((FIXTURES / "published_layouts/state_dicts.json").read_text())
FULL_SIZE = json.loads((FIXTURES / "stylegan/state_dict_res256.json").read_text())
GENERATOR = Part("generator", "stylegan_generator", "generator_smooth")
# Published file or role (as in the fixture) -> entry and part of the registry.
ROLES = {
    "gender_model_{k}.pt (k=0..4)": ("reference_attribute_cnns", "gender-0"),
    "quality_model_{k}.pt (k=0..4)": ("reference_attribute_cnns", "quality-4"),
    "stylegan_gen_fine_tuned_v2_cnn.pth (property score CNN, 7 scores)": (
        "reference_property_cnn",
        "property_cnn",
    ),
    "stylegan_gen_fine_tuned_v1.pth": ("reference_v1", "generator"),
    "stylegan_dis_fine_tuned_v1.pth": ("reference_v1", "discriminator"),
    "stylegan_gen_fine_tuned_v3_ckpt_0005_gen.pth": ("reference_v3", "generator"),
    "cvae encoder of v3": ("reference_v3_encoder", "encoder"),
    "stylegan_gen_fine_tuned_v4.pth": ("reference_v4", "generator"),
    "stylegan_dis_fine_tuned_v4.pth": ("reference_v4", "discriminator"),
    "v5 generator": ("reference_v5", "generator"),
    "v5 discriminator": ("reference_v5", "discriminator"),
    "stylegan_gen_vector_find_v6.pth / stylegan_gen_vector_find_v7.pth": (
        "reference_vectorfind_v7",
        "generator",
    ),
    "v8 generator": ("reference_v8", "generator"),
    "v8 discriminator": ("reference_v8", "discriminator"),
    "age CNN (v8 filter)": ("reference_v8_attribute_cnns", "age-2"),
    "glass CNN (v8 filter)": ("reference_v8_attribute_cnns", "glass-0"),
    "merged property CNN (v8, 8 scores)": ("reference_merged_cnn", "property_cnn"),
}
CONFIGS = {  # what was told or known, beyond the resolution
    "reference_v3": {"label_dim": 7, "label_embed_dim": 24, "z_dim": 512},
    "reference_v3_encoder": {"label_dim": 7, "z_dim": 512},
    "reference_v5": {"label_dim": 3, "label_embed_dim": 0, "z_dim": 512},
    "reference_vectorfind_v7": {"label_dim": 3, "label_embed_dim": 16},
    "reference_v8": {"label_dim": 7},
    "reference_merged_cnn": {"hairstyle": True},
}


def registered(entry: str, part: str) -> Part:
    return find_part(load_registry()[entry], part)[1]


def filled(shapes: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    """Return tensors of these shapes that take no memory; each has a value of its own."""
    return {
        name: torch.tensor(float(i + 1)).expand(shape)
        for i, (name, shape) in enumerate(shapes.items())
    }


def refusal(call, *arguments) -> str:
    with pytest.raises(InputError) as info:
        call(*arguments)
    assert "\n" not in str(info.value)
    return str(info.value)


# ---- registry


def test_the_registry_is_sound():
    entries = load_registry()
    for entry in entries.values():
        for file in entry.files:
            assert {part.layout for part in file.parts} <= {*LAYOUTS, VECTORS}
            assert entry.remedy(file).endswith(f"weights/downloads/{entry.name}/{file.name}")
            assert "{" not in entry.remedy(file) + (file.url or "")
    assert set(ROLES) == set(PUBLISHED)
    for entry, part in ROLES.values():
        assert part in [part.name for file in entries[entry].files for part in file.parts]


def test_a_file_without_an_address_names_the_person_s_steps():
    entry = load_registry()["reference_vectors_v7"]
    assert "fetch" not in entry.remedy(entry.files[0])
    assert "git clone" in entry.remedy(entry.files[0])
    entry = load_registry()["genforce_celeba256"]
    assert "ohlora weights fetch genforce_celeba256" in entry.remedy(entry.files[0])
    assert "celeba_partial-256x256 of the table" in entry.remedy(entry.files[0])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bytes": "many"}, "'many': Input should be a valid integer"),
        ({"sha256": "123"}, "'123': String should match"),
        ({"url": "ftp://x"}, "'ftp://x': String should match"),
        ({"makes": {"a": {"layout": "x", "kye": "y"}}}, "makes.a.kye: no entry has this key"),
        ({"makes": {}}, "{}: Dictionary should have at least 1 item"),
    ],
)
def test_a_mistake_in_the_registry_is_one_sentence(tmp_path, change, words):
    texts = {"title": "t", "licence": "l", "manual": "m", "page": "https://example.org"}
    file = {"makes": {"a": {"layout": "x"}}, **change}
    path = tmp_path / "weights.yaml"
    path.write_text(yaml.safe_dump({"one": {**texts, "files": {"f.pth": file}}}))
    text = refusal(load_registry, path)
    assert text.startswith(f"{path}, one.files.f.pth") and words in text


def test_unknown_names_are_refused_with_the_nearest():
    entries = load_registry()
    assert "did you mean 'facexformer'" in refusal(find_entry, entries, "facexfomer")
    assert "it has generator, discriminator" in refusal(find_part, entries["reference_v1"], "gen")


# ---- layouts


@pytest.mark.parametrize("role", ROLES)
def test_every_published_layout_is_recognised_and_loads_strictly(role):
    entry, name = ROLES[role]
    part = registered(entry, name)
    tensors = filled(PUBLISHED[role])
    network, dropped = build("file", tensors, part.layout, part.config)
    assert network.kind == LAYOUTS[part.layout].kind and not dropped
    config = network.config()
    assert config["resolution"] == 256
    wanted = {**part.config, **CONFIGS.get(entry, {})} if name != "discriminator" else part.config
    assert {key: config[key] for key in wanted} == wanted
    values = {float(tensor.flatten()[0]) for tensor in network.state_dict().values()}
    assert values == {float(i + 1) for i in range(len(tensors))}  # none is lost, none twice


@pytest.mark.parametrize("part", ["generator", "generator_as_published", "discriminator"])
def test_the_genforce_layout_at_full_size(part):
    part = registered("genforce_celeba256", part)
    shapes = FULL_SIZE[part.layout.removeprefix("stylegan_")]["state_dict"]
    tensors = filled({name: about["shape"] for name, about in shapes.items()})
    network, _ = build("file", tensors, part.layout, part.config)
    assert (network.config()["resolution"], network.config()["fmaps_base"]) == (256, 16384)
    assert network.config()["fmaps_max"] == 512


@pytest.mark.skipif("facexformer" not in NETWORKS, reason="the network is not there")
def test_the_facexformer_layout():
    path = FIXTURES / "facexformer/state_dict.json"
    shapes = json.loads(path.read_text())["state_dict"]
    tensors = {
        name: torch.zeros((), dtype=getattr(torch, about["dtype"])).expand(about["shape"])
        for name, about in shapes.items()
    }
    network, _ = build("file", tensors, "facexformer", {})
    assert network.kind == "facexformer"


@pytest.mark.parametrize("name", ["res32_label0", "res64_label7"])
def test_converted_weights_draw_and_judge_what_the_reference_does(tmp_path, name):
    source = FIXTURES / f"stylegan/{name}.pth"
    arrays = {key: torch.from_numpy(a) for key, a in np.load(source.with_suffix(".npz")).items()}
    about = json.loads(source.with_suffix(".json").read_text())
    known = {"fused_scale": about["generator"]["fused_scale"]}  # no shape tells it
    labels, drawn = arrays.get("labels"), {}
    for key, expected in (("generator_smooth", "image"), ("generator", "image_generator")):
        path = tmp_path / f"{key}.safetensors"
        convert(source, Part(key, "stylegan_generator", key, known), path)
        with torch.inference_mode():
            drawn[key] = load_network(path, "stylegan_generator")(arrays["z"], labels)
        wanted = arrays[expected]  # of some pictures there are only the first
        gap = (drawn[key][: len(wanted)] - wanted).abs().max()
        assert gap <= 1e-4 * max(1.0, wanted.abs().max())
    path = tmp_path / "discriminator.safetensors"
    convert(source, Part("d", "stylegan_discriminator", "discriminator"), path)
    with torch.inference_mode():
        scores = load_network(path)(drawn["generator_smooth"], labels)
    assert torch.allclose(scores, arrays["d_score"], rtol=1e-4, atol=1e-4)
    provenance = read_checkpoint(path).provenance
    assert provenance["source"] == source.name and provenance["sha256"] == sha256_of(source)
    assert provenance["layout"] == "stylegan_discriminator"


def test_the_average_that_v5_overwrote_is_left_out():
    part = registered("reference_v5", "generator")
    shapes = {**PUBLISHED["v5 generator"], "truncation.w_avg": [16, 512]}
    network, dropped = build("file", filled(shapes), part.layout, part.config)
    assert dropped == ["truncation.w_avg"] and not network.truncation.w_avg.any()


def test_a_published_file_becomes_a_row_of_the_leaderboard(tmp_path):
    name = "stylegan_gen_fine_tuned_v1.pth"
    draw = torch.Generator().manual_seed(0)
    tensors = {key: torch.randn(shape, generator=draw) for key, shape in PUBLISHED[name].items()}
    part = registered("reference_v1", "generator")
    torch.save(tensors, tmp_path / name)
    convert(tmp_path / name, part, tmp_path / "generator.safetensors")
    adopt_generator(
        tmp_path / "generator.safetensors", tmp_path / "row.safetensors", "v1", 256, 0.9
    )
    row = read_checkpoint(tmp_path / "row.safetensors")
    assert row.provenance["source"] == name and row.provenance["style_mixing"] == 0.9
    assert len(row.provenance["labels"]) == 7
    assert all(torch.equal(row.tensors[key], value) for key, value in tensors.items())


# ---- what is refused


def test_a_file_with_another_checksum_is_not_converted(tmp_path):
    source = FIXTURES / "stylegan/res32_label0.pth"
    text = refusal(convert, source, GENERATOR, tmp_path / "out.safetensors", "0" * 64)
    assert text.startswith(f"{source} has the SHA-256 ") and not list(tmp_path.iterdir())


def saved(path: Path, content: object, **options) -> Path:
    torch.save(content, path, **options)
    return path


def small_weights() -> dict:
    return torch.load(FIXTURES / "stylegan/res32_label0.pth", weights_only=True)


def test_swapped_networks_have_a_sentence_of_their_own(tmp_path):
    weights = small_weights()
    weights["generator_smooth"], weights["discriminator"] = (
        weights["discriminator"],
        weights["generator_smooth"],
    )
    path = saved(tmp_path / "swapped.pth", weights)
    text = refusal(convert, path, GENERATOR, tmp_path / "out.safetensors")
    assert text.startswith(f"{path}, 'generator_smooth', holds a stylegan_discriminator where a ")
    assert "stylegan_generator is needed" in text and "swapped" in text
    assert list(tmp_path.iterdir()) == [path]


def test_another_resolution_is_told_with_the_first_differing_key(tmp_path):
    part = registered("genforce_celeba256", "generator")
    source = FIXTURES / "stylegan/res32_label0.pth"
    text = refusal(convert, source, part, tmp_path / "out.safetensors")
    assert "it has resolution 32, not 256" in text
    assert "the first difference is at synthesis." in text
    assert "found absent" in text or "expected [" in text
    assert not list(tmp_path.iterdir())


def test_another_label_is_told_with_both_shapes():
    part = registered("reference_v4", "generator")
    text = refusal(build, "f", filled(PUBLISHED["v8 generator"]), part.layout, part.config)
    assert "it has label_dim 7, not 3" in text
    assert "mapping.label_weight: expected [3, 16], found [7, 16]" in text


@pytest.mark.parametrize("lost", ["mapping.dense3.bias", "mapping.dense0.weight", "synthesis.lod"])
def test_a_missing_key_is_named(lost):
    part = registered("genforce_celeba256", "generator")
    shapes = {n: a["shape"] for n, a in FULL_SIZE["generator"]["state_dict"].items() if n != lost}
    text = refusal(build, "f", filled(shapes), part.layout, part.config)
    assert f"the first difference is at {lost}: expected [" in text and "found absent" in text


def test_weights_that_tell_no_size_are_refused(tmp_path):
    weights = {
        key: value for key, value in small_weights()["generator"].items() if "out" not in key
    }
    text = refusal(build, "f", weights, "stylegan_generator", {})
    assert text.startswith("f does not have the layout stylegan_generator (")
    assert "there is no layout 'x', known are stylegan_generator, " in refusal(
        build, "f", {}, "x", {}
    )


def test_a_key_too_many_is_named():
    part = registered("reference_attribute_cnns", "gender-0")
    shapes = {**PUBLISHED["gender_model_{k}.pt (k=0..4)"], "conv7.0.weight": [1]}
    text = refusal(build, "f", filled(shapes), part.layout, part.config)
    assert "conv7.0.weight: expected absent, found [1]" in text


def test_another_attribute_s_network_is_refused():
    part = registered("reference_attribute_cnns", "gender-0")
    shapes = PUBLISHED["age CNN (v8 filter)"]
    text = refusal(build, "f", filled(shapes), part.layout, part.config)
    assert "fc1.0.weight: expected [512, 9216], found [512, 12288]" in text


def test_weights_that_are_not_numbers_are_refused(tmp_path):
    weights = small_weights()
    weights["generator_smooth"]["mapping.dense2.bias"][3] = float("nan")
    text = refusal(
        convert, saved(tmp_path / "a.pth", weights), GENERATOR, tmp_path / "out.safetensors"
    )
    assert "mapping.dense2.bias is not finite" in text
    assert not (tmp_path / "out.safetensors").exists()


def test_web_pages_pointers_and_other_files_are_refused(tmp_path):
    path = tmp_path / "model.pth"
    for content, words in (
        (b"<!DOCTYPE html><html>Sign in</html>", "is a web page (HTML), not weights"),
        (b"\n  <html>", "is a web page (HTML), not weights"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "is a Git LFS pointer"),
        (b"", "is empty"),
        (b"\x89PNG\r\n", "is no PyTorch file"),
        (b"PK\x03\x04" + bytes(100), "is truncated"),
        (b"\x80\x02}q\x00.", "is truncated or damaged"),
    ):
        path.write_bytes(content)
        assert refusal(read_state_dict, path).startswith(f"{path} {words}"), content
    assert "cannot be read (No such file" in refusal(read_state_dict, tmp_path / "no.pth")


class Innocent:
    def __reduce__(self):
        return (print, ("this is run",))


@pytest.mark.parametrize("archive", [True, False])
def test_code_in_a_pickle_is_named_and_not_run(tmp_path, capsys, archive):
    path = saved(tmp_path / "bad.pth", {"a": Innocent()}, _use_new_zipfile_serialization=archive)
    text = refusal(read_state_dict, path)
    assert "would run code when read (builtins.print)" in text or "(print)" in text
    path.write_bytes(pickle.dumps({"a": Innocent()}))
    refusal(read_state_dict, path)
    assert "this is run" not in capsys.readouterr().out


def test_a_whole_module_is_refused(tmp_path):
    path = saved(tmp_path / "module.pt", torch.nn.Linear(2, 2))
    assert "torch.nn.modules.linear.Linear" in refusal(read_state_dict, path)


def test_what_a_file_holds_instead_is_said(tmp_path):
    path = saved(tmp_path / "a.pth", {"epoch": 3, "model": {}})
    assert "has no 'generator', it holds epoch, model;" in refusal(
        read_state_dict, path, "generator"
    )
    assert "is no state dict, it holds epoch, model" in refusal(read_state_dict, path)
    assert "holds a list" in refusal(read_state_dict, saved(path, [1, 2]))


def test_the_old_format_of_pickles_is_read(tmp_path):
    path = saved(tmp_path / "old.pt", {"a": torch.ones(2)}, _use_new_zipfile_serialization=False)
    assert read_state_dict(path)["a"].tolist() == [1, 1]


def truncated_sources() -> dict[bool, bytes]:
    found = {}
    for archive in (True, False):
        stream = io.BytesIO()
        torch.save(
            {"a": torch.ones(64), "b": torch.zeros(3)},
            stream,
            _use_new_zipfile_serialization=archive,
        )  # noqa: E501
        found[archive] = stream.getvalue()
    return found


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(archive=st.booleans(), share=st.floats(0, 0.999))
def test_a_file_cut_anywhere_is_one_sentence(tmp_path, archive, share):
    content = truncated_sources()[archive]
    path = tmp_path / "cut.pth"
    path.write_bytes(content[: int(share * len(content))])
    assert str(path) in refusal(read_state_dict, path)


# ---- directions


def write_vectors(folder: Path, version: str) -> np.ndarray:
    """Write random published directions; return them, [groups, 3, D]."""
    options, draw = VERSIONS[version], np.random.default_rng(3)
    directions = draw.standard_normal((2 ** len(options.groups), 3, WIDTHS[version]))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    folder.mkdir()
    for code, rows in enumerate(directions):
        group = group_name(code, len(options.groups))
        for name, row in zip(CONTROLLED, rows, strict=True):
            lines = [",".join(["", *map(str, range(len(row)))]), ",".join(["0", *map(str, row)])]
            file = folder / f"{name}_change_{options.space}_vector_{group}.csv"
            file.write_text("\n".join(lines) + "\n")
    return directions


@pytest.mark.parametrize("version", VERSIONS)
def test_published_directions_are_turned_so_that_they_raise_the_property(tmp_path, version):
    written = write_vectors(tmp_path / "property_score_vectors", version)
    part = registered(f"reference_vectors_{version}", "vectors")
    path = tmp_path / "vectors.safetensors"
    convert(tmp_path / "property_score_vectors", part, path)
    found = load_vectors(path)
    assert np.allclose(found.vectors.directions, -written, atol=1e-6)
    assert found.options == VERSIONS[version] and (found.slopes == 1).all()
    assert len(found.vectors.medians) == len(VERSIONS[version].groups)
    assert found.vectors.names()[0] == "h" * len(found.vectors.medians)


def test_wrong_directions_are_refused(tmp_path):
    folder, path = tmp_path / "property_score_vectors", tmp_path / "vectors.safetensors"
    write_vectors(folder, "v7")
    part = registered("reference_vectors_v7", "vectors")
    file = folder / "mouth_change_w_vector_hlh.csv"
    good = file.read_text()
    header, row, _ = good.split("\n")
    for content, words in (
        ("", "is no table of numbers"),
        (f"{header}\n0,a,{row[2:]}\n", "is no table of numbers"),
        (f"{header}\n{row}\n{row}\n", "has [2, 512] numbers"),
        (header.rsplit(",", 1)[0] + "\n" + row.rsplit(",", 1)[0] + "\n", "has [1, 511] numbers"),
        (f"{header}\n0{',0.5' * 512}\n", "has length 11.31"),
        (f"{header}\n0{',nan' * 512}\n", "has length nan"),
    ):
        file.write_text(content)
        assert refusal(convert, folder, part, path).startswith(f"{file} {words}"), words
    file.unlink()
    assert f"{file} does not exist" in refusal(convert, folder, part, path)
    shutil.rmtree(folder)
    assert "does not exist" in refusal(convert, folder, part, path)
    assert not path.exists()
