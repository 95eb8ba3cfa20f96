"""Fine-tunes: conditioning, the three objectives, the loop, and the models that come out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from small_finetunes import SHAPE, SIDE, base_generator, objective, small_finetune, some_faces

from ohlora_lib.attributes import WANTED
from ohlora_lib.errors import InputError
from ohlora_lib.generators.stylegan1.discriminator import StyleGANDiscriminator
from ohlora_lib.generators.stylegan1.generator import StyleGANGenerator
from ohlora_lib.methods.finetune import job
from ohlora_lib.methods.finetune.adversarial import AdversarialObjective
from ohlora_lib.methods.finetune.conditional import ConditionalModel
from ohlora_lib.methods.finetune.drawing import (
    conditional_mean,
    content_loss,
    draw_faces,
    read_scores,
    set_mean_w,
)
from ohlora_lib.methods.finetune.job import finetune
from ohlora_lib.methods.finetune.loop import protocol_check, train_finetune
from ohlora_lib.methods.finetune.objective import labelling
from ohlora_lib.methods.finetune.options import ALL_LABELS
from ohlora_lib.methods.finetune.scores import ScoreObjective
from ohlora_lib.methods.finetune.training_faces import (
    correlations,
    jittered,
    quantised,
    read_faces,
)
from ohlora_lib.methods.finetune.versions import RECIPES, VERSIONS, version_options
from ohlora_lib.methods.models import open_model, sample_latents
from ohlora_lib.networks.attribute_cnn import AttributeCNN
from ohlora_lib.networks.files import load_network, save_network
from ohlora_lib.networks.property_cnn import PropertyCNN
from ohlora_lib.networks.score_encoder import ScoreEncoder
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.store.checkpoints import read_checkpoint
from ohlora_lib.store.lock import take_lock
from ohlora_lib.store.shards import write_image_shard
from ohlora_lib.store.tables import read_table

FILES = ("images", "scores", "generator", "discriminator", "property_cnn")  # all versions' inputs


def weights(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.named_parameters()}


def changed(module: torch.nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    """Return the top-level modules whose weights differ from `before`."""
    now = dict(module.named_parameters())
    return {name.split(".")[0] for name in before if not torch.equal(before[name], now[name])}


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_recipe_learns_only_what_it_should(version, recipe):
    given, options = small_finetune(version, recipe)
    target = objective(given, options)
    before = {
        "generator": weights(given.generator),
        "cnn": weights(given.property_cnn),
        "readers": [weights(cnn) for cnn in given.attribute_cnns],
        "base": weights(given.base),
    }
    torch.manual_seed(5)
    losses = target.learn(0)
    assert all(np.isfinite(value) for value in losses.values())
    trained = {"mapping"} if options.trainable == "mapping" else {"mapping", "synthesis"}
    assert changed(given.generator, before["generator"]) == trained
    assert bool(changed(given.property_cnn, before["cnn"])) == options.judge_trainable
    for cnn, weight in zip(given.attribute_cnns, before["readers"], strict=True):
        assert not changed(cnn, weight)
    assert not changed(given.base, before["base"])


def test_published_discriminators_train_their_last_layers_only():
    given, options = small_finetune("v1", "published")
    target = objective(given, options)
    before = weights(target.discriminator)
    target.learn(0)
    assert changed(target.discriminator, before) == {"layer6", "layer7", "layer8"}


def test_only_the_first_discriminator_has_momentum():
    for version, beta in (("v1", 0.9), ("v4", 0.0)):
        target = objective(*small_finetune(version, "corrected"))
        assert target.g_optimizer.param_groups[0]["betas"][0] == 0
        assert target.d_optimizer.param_groups[0]["betas"][0] == beta


def test_keeping_the_weights_keeps_the_pictures():
    """An average label leaves a kept generator as it was; a restarted one draws something else."""
    base, z = base_generator(), torch.randn(4, 16)
    options = version_options("v1", "corrected", {})
    label = torch.zeros(4, 7)
    with torch.inference_mode():
        wanted = base(z)
        kept = base.with_labels(labelling(options))
        assert torch.allclose(kept(z, label), wanted, atol=1e-4)
        restarted = base.with_labels(labelling(replace(options, keep_weights=False)))
        assert not torch.allclose(restarted(z, label), wanted, atol=1e-2)
    restart = replace(options, keep_weights=False)
    restarted = kept.with_labels(labelling(restart, ALL_LABELS))  # a label matrix that fits stays
    assert torch.equal(restarted.mapping.label_weight, kept.mapping.label_weight)
    assert not torch.equal(restarted.mapping.dense0.weight, kept.mapping.dense0.weight)
    wider = kept.with_labels(labelling(replace(restart, embedding=24), ALL_LABELS))
    assert wider.mapping.label_weight.shape == (7, 24)
    again = kept.with_labels(labelling(options, ALL_LABELS))
    for name, value in kept.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name


@pytest.mark.parametrize("version", ["v3", "v4", "v5_2"])
def test_a_fine_tune_starts_from_the_obedience_of_its_parent(version):
    """Fewer labels, a wider embedding or none: the same requests draw the same pictures."""
    torch.manual_seed(3)
    parent = base_generator().with_labels(labelling(version_options("v1", "corrected", {})))
    options = version_options(version, "corrected", {})
    child = parent.with_labels(labelling(options, ALL_LABELS))
    z, wanted = torch.randn(8, 16), 0.5 * torch.randn(8, 3)
    full = torch.zeros(8, 7)
    full[:, [0, 3, 4]] = wanted
    label = full if len(options.labels) == 7 else wanted
    with torch.inference_mode():
        drawn, expected = child.mapping(z, label), parent.mapping(z, full)
        average = parent.mapping(z, torch.zeros(8, 7))
    # the pixel norm sees labels of another length, so the match is not exact
    assert (drawn - expected).square().mean() < 0.2 * (average - expected).square().mean()


def test_discriminator_with_a_second_head_tells_scores_without_a_label():
    options = version_options("v1", "corrected", {})
    network = StyleGANDiscriminator(**SHAPE).with_labels(
        len(options.labels), bool(options.auxiliary)
    )
    images = torch.randn(4, 3, SIDE, SIDE)
    assert network.logits(images).shape == (4, 8)
    assert torch.equal(network(images), network.logits(images)[:, :1])
    published = version_options("v1", "published", {})
    network = StyleGANDiscriminator(**SHAPE).with_labels(
        len(published.labels), bool(published.auxiliary)
    )
    assert network(images, torch.zeros(4, 7)).shape == (4, 1)


def test_eight_bits_let_the_gradient_pass():
    images = torch.tensor([-1.5, -1.0, -0.3, 0.1234, 1.0, 2.0], requires_grad=True)
    rounded = quantised(images)
    levels = (rounded.detach() + 1) * 127.5
    assert torch.allclose(levels, levels.round(), atol=1e-4)
    assert rounded.min() == -1 and rounded.max() == 1
    rounded.sum().backward()
    assert torch.equal(images.grad, torch.ones(6))


def test_jitter_stays_in_range_and_of_nothing_changes_nothing():
    images = torch.rand(3, 3, 4, 4) * 2 - 1
    assert torch.allclose(jittered(images, 0.0), images, atol=1e-6)
    assert jittered(images, 0.5).abs().max() <= 1


def test_correlations_agree_with_numpy():
    found, wanted = torch.randn(2, 9, 3), torch.randn(2, 9, 3)
    result = correlations(found, wanted)
    for row in range(2):
        for column in range(3):
            expected = np.corrcoef(found[row, :, column], wanted[row, :, column])[0, 1]
            assert result[row, column] == pytest.approx(expected, abs=1e-5)


def test_reading_some_scores_equals_reading_all():
    judge, images = PropertyCNN(SIDE).eval(), torch.randn(2, 3, SIDE, SIDE)
    with torch.inference_mode():
        everything = judge(images)
        some = read_scores(judge, images, ("background_std", "eyes"), small_finetune("v2")[1])
    assert torch.allclose(some, everything[:, [6, 0]])


def test_content_loss_is_nothing_at_the_start_and_one_for_strangers():
    base = base_generator()
    z = torch.randn(400, 16)
    w = base.mapping(z)
    assert content_loss(w, z, base).item() == pytest.approx(0, abs=1e-9)
    assert content_loss(w[torch.randperm(400)], z, base).item() == pytest.approx(2, rel=0.2)


def test_truncation_to_nothing_draws_the_labels_mean():
    given, options = small_finetune(
        "v5_3", truncation_psi=0.0, truncation_samples=300, quantise=False
    )
    label = torch.tensor([[1.0, 0.0, -1.0], [0.0, 0.0, 0.0]])
    drawn = []
    for z in torch.randn(2, 2, 16):
        torch.manual_seed(7)  # the same latents behind the mean
        drawn.append(draw_faces(given.generator, z, label, options)[0])
    assert torch.allclose(drawn[0], drawn[1], atol=1e-5)  # whoever it is
    means = conditional_mean(given.generator, label, 300)
    assert not torch.allclose(means[0], means[1])


def run(tmp_path: Path, version: str = "v2", recipe: str = "corrected", code: str = "", **changes):
    given, options = small_finetune(version, recipe, **{"steps": 6, "epoch": 2, **changes})
    result = train_finetune(objective(given, options), given, options, tmp_path, 3, code)
    return given, options, result


@pytest.mark.parametrize(
    ("version", "recipe"),
    [
        ("v1", "corrected"),
        ("v2", "corrected"),
        ("v3", "corrected"),
        ("v2", "published"),
        ("v5_1", "published"),
    ],
)
def test_a_killed_training_ends_with_the_same_weights(tmp_path, version, recipe, monkeypatch):
    _, _, straight = run(tmp_path / "straight", version, recipe)
    given, options = small_finetune(version, recipe, steps=6, epoch=2)
    target = objective(given, options)
    learn = target.learn

    def learn_until_killed(step: int) -> dict[str, float]:
        if step == 5:
            raise KeyboardInterrupt
        return learn(step)

    monkeypatch.setattr(target, "learn", learn_until_killed)
    with pytest.raises(KeyboardInterrupt):
        train_finetune(target, given, options, tmp_path / "killed", seed=3)
    _, _, resumed = run(tmp_path / "killed", version, recipe)
    for name, network in straight.networks.items():
        for key, value in network.state_dict().items():
            assert torch.equal(resumed.networks[name].state_dict()[key], value), (name, key)
    logs = [(tmp_path / folder / "log.csv").read_text() for folder in ("straight", "killed")]
    assert logs[0] == logs[1]
    assert len(list((tmp_path / "killed" / "samples").glob("*.png"))) == 3


def epochs(folder: Path) -> list[str]:
    return sorted(path.stem for path in (folder / "samples").glob("*.png"))


def test_a_finished_training_is_done_again_by_other_code_or_from_other_files(tmp_path, monkeypatch):
    """A finished state lies there: what it was not made from must not be taken for it."""
    begun = []
    learn = ScoreObjective.learn
    monkeypatch.setattr(
        ScoreObjective, "learn", lambda self, step: begun.append(step) or learn(self, step)
    )
    run(tmp_path, code="a", steps=2)
    assert begun == [0, 1]
    run(tmp_path, code="a", steps=2)
    assert begun == [0, 1]
    run(tmp_path, code="b", steps=2)
    assert begun == [0, 1] * 2
    given, options = small_finetune("v2", steps=2, epoch=2)
    given.faces.images[0, 0, 0, 0] += 1
    train_finetune(objective(given, options), given, options, tmp_path, 3, "b")
    assert begun == [0, 1] * 3


@pytest.mark.parametrize("part", ["discriminator", "attribute_cnns"])
def test_every_network_that_is_learnt_from_counts(part):
    given, _ = small_finetune("v1")
    before = given.digests()
    network = getattr(given, part)
    network = network if part == "discriminator" else network[0]
    with torch.no_grad():
        next(network.parameters()).add_(1)
    assert given.digests() != before


def test_a_training_with_other_options_leaves_no_pictures_of_the_one_before(tmp_path):
    run(tmp_path, steps=6)
    assert epochs(tmp_path) == ["epoch-0000", "epoch-0001", "epoch-0002"]
    run(tmp_path, steps=4)
    assert epochs(tmp_path) == ["epoch-0000", "epoch-0001"]
    given, options = small_finetune("v2", steps=6, epoch=2)
    target = objective(given, options)
    target.learn = fail  # stopped before its first state
    with pytest.raises(KeyboardInterrupt):
        train_finetune(target, given, options, tmp_path, 3)
    assert not epochs(tmp_path)
    run(tmp_path, steps=4)  # back to the options before: log and pictures are gone, so is the state
    assert epochs(tmp_path) == ["epoch-0000", "epoch-0001"]
    assert len(read_table(tmp_path / "log.csv")) == 2


def fail(step: int) -> dict[str, float]:
    raise KeyboardInterrupt


@pytest.mark.parametrize("broken", ["generator", "judge"])
def test_weights_that_are_no_numbers_are_not_kept(tmp_path, monkeypatch, broken):
    """The losses of a step do not tell what the step did to the weights."""
    given, options = small_finetune("v2", "published", steps=6, epoch=2)
    target = objective(given, options)
    learn = target.learn

    def learn_and_break(step: int) -> dict[str, float]:
        losses = learn(step)
        if step == 3:
            with torch.no_grad():
                next(target.modules[broken].parameters()).fill_(float("nan"))
        return losses

    monkeypatch.setattr(target, "learn", learn_and_break)
    with pytest.raises(FloatingPointError, match=r"a weight is not finite at step 3.*lower lr"):
        train_finetune(target, given, options, tmp_path, seed=3)
    assert [path.name for path in tmp_path.glob("state-*")] == ["state-000000002.safetensors"]
    assert epochs(tmp_path) == ["epoch-0000"]


def test_divergence_stops_with_the_last_good_state_kept(tmp_path, monkeypatch):
    given, options = small_finetune("v2", steps=6, epoch=2)
    target = objective(given, options)
    learn = target.learn
    monkeypatch.setattr(
        target, "learn", lambda step: {"loss_scores": float("nan")} if step == 3 else learn(step)
    )
    with pytest.raises(FloatingPointError, match=r"loss_scores is nan at step 3.*lower lr"):
        train_finetune(target, given, options, tmp_path, seed=3)
    assert [path.name for path in tmp_path.glob("state-*")] == ["state-000000002.safetensors"]


def answer_checks(monkeypatch, *scores: float) -> None:
    """Let the protocol checks of a training find these scores, one after the other."""
    left = iter(scores)

    def check(*_):
        score = next(left)
        return {f"{kind}_{name}": score for kind in ("corr", "mae") for name in CONTROLLED}

    monkeypatch.setattr("ohlora_lib.methods.finetune.loop.protocol_check", check)


def test_training_stops_when_the_check_no_longer_improves(tmp_path, monkeypatch):
    answer_checks(monkeypatch, 0.5, 0.7, 0.6, 0.6, 0.9)
    given, options = small_finetune("v2", steps=50, epoch=1, patience=2)
    result = train_finetune(objective(given, options), given, options, tmp_path, seed=3)
    assert result.epoch == 1 and result.check["corr_eyes"] == 0.7
    assert len(read_table(tmp_path / "log.csv")) == 4


def test_patience_counts_by_the_check_also_where_the_last_epoch_is_kept(tmp_path, monkeypatch):
    answer_checks(monkeypatch, 0.5, 0.7, 0.6, 0.6, 0.9)
    given, options = small_finetune("v2", steps=50, epoch=1, patience=2, keep_best=False)
    result = train_finetune(objective(given, options), given, options, tmp_path, seed=3)
    assert result.epoch == 3 and result.check["corr_eyes"] == 0.6 and result.steps == 4


def test_the_discriminator_is_of_the_same_epoch_as_the_generator(tmp_path, monkeypatch):
    answer_checks(monkeypatch, 0.7, 0.6)
    given, options = small_finetune("v4", steps=2, epoch=1)
    target = objective(given, options)
    learn, seen = target.learn, []

    def watch(step: int) -> dict[str, float]:
        seen.append({k: v.clone() for k, v in target.discriminator.state_dict().items()})
        return learn(step)

    monkeypatch.setattr(target, "learn", watch)
    result = train_finetune(target, given, options, tmp_path, seed=3)
    kept, last = result.networks["discriminator"].state_dict(), target.discriminator.state_dict()
    assert result.epoch == 0
    assert all(torch.equal(kept[key], value) for key, value in seen[1].items())
    assert not all(torch.equal(kept[key], value) for key, value in last.items())


def test_the_mean_of_w_is_that_of_the_generator_that_was_trained():
    given, _ = small_finetune("v2")
    torch.nn.init.constant_(given.generator.truncation.w_avg, 9.0)
    set_mean_w(given.generator, seed=1)
    z, label = torch.randn(5000, 16), torch.randn(5000, 7)
    mean = given.generator.mapping(z, label).mean(dim=0)
    within = 0.1 * mean.abs().max().item()
    assert torch.allclose(given.generator.truncation.w_avg, mean, atol=within)


def test_a_generator_that_has_not_learnt_yet_is_not_the_best(tmp_path, monkeypatch):
    answer_checks(monkeypatch, 0.9, 0.9, 0.6, 0.7, 0.5)
    given, options = small_finetune("v4", steps=5, epoch=1, warmup=2)
    result = train_finetune(objective(given, options), given, options, tmp_path, seed=3)
    assert result.epoch == 3 and result.check["corr_eyes"] == 0.7


def test_the_check_sees_obedience(monkeypatch):
    """A judge that reads back the label finds correlation 1; one of the opposite, -1."""
    given, options = small_finetune("v2")
    seen = {}

    def fake_draw(generator, z, wanted, options):
        seen["wanted"] = wanted
        return np.zeros((len(z), SIDE, SIDE, 3), np.uint8)

    monkeypatch.setattr("ohlora_lib.methods.finetune.loop._draw", fake_draw)
    for sign in (1, -1):
        monkeypatch.setattr(
            "ohlora_lib.methods.finetune.loop.read_scores",
            lambda *_, sign=sign: sign * seen["wanted"],
        )
        check = protocol_check(given.generator, given.property_cnn, torch.randn(2, 16), options)
        assert check["corr_pose"] == pytest.approx(sign)
    assert check["mae_eyes"] == pytest.approx(2.0)


def test_unknown_options_are_refused():
    with pytest.raises(ValueError, match="no option learning_rate"):
        version_options("v1", "corrected", {"learning_rate": 1})
    assert version_options("v1", "corrected", {"steps": None}).steps == 600


@pytest.fixture
def files(tmp_path) -> dict:
    """The files that a fine-tune reads."""
    faces = some_faces()
    shard = tmp_path / "images.parquet"
    z = np.zeros((len(faces.ids), 16), np.float32)
    write_image_shard(shard, faces.ids, faces.ids, z, faces.images)
    table = pd.DataFrame({"id": faces.ids})
    for index, name in enumerate(ALL_LABELS):
        table[f"{name}_score"] = faces.labels[:, index]
    table.loc[0, "mouth_score"] = np.nan
    table.to_csv(tmp_path / "scores.csv", index=False)
    torch.manual_seed(0)
    networks = {
        "generator": base_generator(),
        "discriminator": StyleGANDiscriminator(**SHAPE),
        "property_cnn": PropertyCNN(SIDE),
        **{name: AttributeCNN(name, SIDE) for name in WANTED},
    }
    for name, network in networks.items():
        save_network(tmp_path / f"{name}.safetensors", network)
    paths = {name: tmp_path / f"{name}.safetensors" for name in networks}
    return {"images": [shard], "scores": tmp_path / "scores.csv", **paths}


def test_what_a_diverged_training_had_learnt_can_be_opened(files, tmp_path, monkeypatch):
    changes = {"steps": 4, "epoch": 1, "batch": 4, "start": "original", "truncation_samples": 8}
    options = version_options("v5_3", "corrected", {**changes, "warmup": 0})
    learn = AdversarialObjective.learn
    end = {"step": 2}
    monkeypatch.setattr(
        AdversarialObjective,
        "learn",
        lambda self, step: {"loss_d": np.inf} if step == end["step"] else learn(self, step),
    )
    state, inputs = tmp_path / "state", {name: files[name] for name in FILES}
    job = {"name": "v5_3", "recipe": "v5_3 corrected", "seed": 1, "options": options}
    with pytest.raises(FloatingPointError, match=r"loss_d is inf at step 2.*epoch \d are in "):
        finetune(tmp_path / "v5_3", state, **inputs, **job)
    assert not (tmp_path / "v5_3").exists()
    model = open_model(state / "last_good" / "generator.safetensors")
    assert model.draw(sample_latents(1, model.latent_dim, 0), np.zeros((1, 3))).shape[0] == 1
    end["step"] = -1
    job["options"] = replace(options, lr=1e-4)  # as the message advises: the state goes
    finetune(tmp_path / "v5_3", state, **inputs, **job)
    assert not (state / "last_good").exists()
    assert (tmp_path / "v5_3" / "generator.safetensors").is_file()


def test_faces_without_a_score_are_left_out(files):
    faces = read_faces(files["images"], files["scores"], CONTROLLED)
    assert 0 not in faces.ids and len(faces.ids) == len(faces.images) == 11
    assert faces.labels.shape == (11, 3)
    with pytest.raises(InputError, match="lacks the column teeth_score"):
        read_faces(files["images"], files["scores"], ["teeth"])


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_fine_tune_from_files_to_a_model_that_draws(files, tmp_path, version, recipe, capsys):
    folder = tmp_path / version
    changes = {"steps": 2, "epoch": 1, "batch": 4, "warmup": 0, "half_life": 0.0}
    changes |= {"start": "original", "truncation_samples": 8}
    options = version_options(version, recipe, changes)
    readers = [files[name] for name in options.attributes]
    finetune(
        folder, tmp_path / "state", **{name: files[name] for name in FILES}, attribute_cnns=readers,
        wanted=WANTED,
        name=version, recipe=f"{version} {recipe}", options=options, seed=1,
    )  # fmt: skip
    said = capsys.readouterr().out
    assert f"recipe {version} {recipe}" in said and f"  lr: {options.lr}\n" in said
    assert said.count("corr_eyes") == 2  # a line for each epoch
    provenance = read_checkpoint(folder / "generator.safetensors").provenance
    assert provenance["recipe"] == f"{version} {recipe}" and provenance["steps"] == 2
    assert provenance["options"]["critic_lr"] == options.critic_lr
    assert not provenance["stopped_early"]
    generator = load_network(folder / "generator.safetensors")
    z, label = torch.randn(4096, 16), torch.randn(4096, len(options.labels))
    with torch.no_grad():
        w = generator.mapping(z, label)
    assert (generator.truncation.w_avg - w.mean(dim=0)).abs().max() < 0.15 * w.std(dim=0).max()
    model = open_model(folder / "generator.safetensors")
    assert model.latent_dim == 16 and model.resolution == SIDE
    posterior = None
    if version == "v3":
        posterior = read_table(folder / "posterior.parquet")
        assert len(posterior) == 11
        assert load_network(folder / "encoder.safetensors", ScoreEncoder.kind)
    latents = sample_latents(3, 16, seed=1, posterior=posterior)
    images = model.draw(latents, np.array([[0, 0, 0], [2, 0, 0], [0, 0, 0]], np.float32))
    assert images.shape == (3, SIDE, SIDE, 3) and images.dtype == np.uint8
    alone = model.draw(latents[2:], np.zeros((1, 3), np.float32))
    assert np.array_equal(images[2], alone[0])
    assert {"epoch", "step", "corr_eyes"} <= set(read_table(folder / "train_log.csv").columns)
    assert len(list((folder / "samples").glob("*.png"))) == 2


def test_what_a_fine_tune_made_is_written_while_its_state_is_its_own(files, tmp_path, monkeypatch):
    free = []

    def saved(path, *arguments):
        free.append(take_lock(tmp_path / "state" / "lock"))
        save_network(path, *arguments)

    monkeypatch.setattr(job, "save_network", saved)
    changes = {"steps": 1, "epoch": 1, "batch": 4, "start": "original", "truncation_samples": 8}
    options = version_options("v1", "corrected", changes)
    finetune(
        tmp_path / "v1", tmp_path / "state", **{name: files[name] for name in FILES},
        name="v1", recipe="v1", options=options, seed=1,
    )  # fmt: skip
    assert free == [None]
    assert take_lock(tmp_path / "state" / "lock") is not None


def test_a_generator_without_labels_is_no_model(files):
    with pytest.raises(InputError, match="without the labels eyes, mouth, pose"):
        open_model(files["generator"])


def test_latents_are_the_same_for_every_method_and_follow_a_posterior():
    plain = sample_latents(5, 4, seed=1)
    assert np.array_equal(plain, sample_latents(5, 4, seed=1))
    posterior = pd.DataFrame({"mu": [np.full(4, 3.0)], "log_variance": [np.full(4, -40.0)]})
    assert np.allclose(sample_latents(5, 4, 1, posterior), 3, atol=1e-3)


def test_labels_that_are_not_controlled_stay_average():
    torch.manual_seed(2)
    config = base_generator().config() | {"label_dim": 7, "label_embed_dim": 4}
    generator = StyleGANGenerator(**config)
    model = ConditionalModel(generator, list(ALL_LABELS))
    z, wanted = np.zeros((1, 16), np.float32) + 0.5, np.array([[1.0, 2.0, 3.0]], np.float32)
    label = np.array([[1.0, 0, 0, 2.0, 3.0, 0, 0]], np.float32)
    assert np.array_equal(model.draw(z, wanted), model.synthesizer.from_z(z, label))
