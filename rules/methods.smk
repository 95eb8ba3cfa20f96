# Helpers of the model half: which methods there are, what each needs, and what is asked of it.
from dataclasses import asdict

from ohlora_lib.judging import JUDGES
from ohlora_lib.training.finetune.versions import version_options


def property_cnn_options():
    """Return how the property CNN is trained."""
    return {key: value for key, value in config["property_cnn"].items() if key != "population"}


def finetunes():
    """Return the settings of every fine-tune: the configured ones, and the published recipes."""
    chosen = {name: item for name, item in config["finetune"].items() if item["enabled"]}
    published = {
        f"{name}_published": {**settings, "recipe": "published", "options": {}}
        for name, settings in chosen.items()
    }
    return {**chosen, **published}


def finetune_options(version):
    """Return all options of a fine-tune: its recipe's, with what the configuration changes."""
    settings = FINETUNES[version]
    changes = {key: settings[key] for key in ("steps", "epoch", "patience")}
    try:
        return version_options(
            settings["version"], settings["recipe"], {**changes, **settings["options"]}
        )
    except ValueError as error:
        sys.exit(f"error: config.yaml, finetune.{version}.options: {error}")


def finetune_names(objective):
    """Return the fine-tunes with this objective."""
    return [name for name in FINETUNES if finetune_options(name).objective == objective]


def finetune_inputs(wildcards):
    """Input function: faces, their scores, judges and the networks a fine-tune starts from."""
    settings = FINETUNES[wildcards.version]
    options = finetune_options(wildcards.version)
    population = settings["population"]
    tables = {
        "v1": result(f"{population}/all_scores_v1.csv"),
        "v2": result(f"{population}/all_scores_v2.csv"),
        "cnn": result("property_cnn/all_scores_v2_cnn.csv"),
    }
    inputs = {
        "images": shards(population, "images"),
        "scores": tables[options.scores],
        "property_cnn": result("property_cnn/property_cnn.safetensors"),
    }
    start = config["domain"]
    if options.start != "original":
        suffix = "_published" if wildcards.version.endswith("_published") else ""
        parent = result(f"finetune/{options.start}{suffix}")
        start = {key: f"{parent}/{key}.safetensors" for key in ("generator", "discriminator")}
    inputs["generator"] = start["generator"]
    if options.objective == "adversarial" and options.discriminator == "stylegan":
        inputs["discriminator"] = start["discriminator"]
    if options.gender:
        inputs["gender_cnn"] = result(f"{population}/classifiers/gender/fold-0.safetensors")
    return inputs


def methods():
    """Return the names of the configured methods, without the published recipes."""
    return [f"finetune_{name}" for name, item in config["finetune"].items() if item["enabled"]]


def method_settings(wildcards):
    """Return the configuration of the job's method."""
    return FINETUNES[wildcards.method.removeprefix("finetune_")]


def method_population(wildcards):
    """Return the population whose faces the job's method imitates, and whose scores it obeys."""
    return method_settings(wildcards)["population"]


def method_model(wildcards):
    """Input function: the checkpoint of the job's method."""
    version = wildcards.method.removeprefix("finetune_")
    return result(f"finetune/{version}/generator.safetensors")


def method_posterior(wildcards):
    """Input function: the latents of an autoencoder's faces; other methods draw theirs at random."""
    version = wildcards.method.removeprefix("finetune_")
    if finetune_options(version).objective != "autoencoder":
        return {}
    return {"posterior": result(f"finetune/{version}/posterior.parquet")}


def judging_counts(wildcards):
    """Params function: how many pictures a method is judged by."""
    return {key: config["judging"][key] for key in ("latents", "joint_latents", "random_images")}


def attribute_readers(wildcards):
    """Input function: the annotator, else the first fold of each of the population's attributes."""
    if config["domain"]["annotator"] is not None:
        return {"annotator": config["domain"]["annotator"]}
    population = method_population(wildcards)
    attributes = config["populations"][population]["attributes"]
    folder = result(f"{population}/classifiers")
    return {"classifiers": [f"{folder}/{name}/fold-0.safetensors" for name in attributes]}


def judge_inputs(wildcards):
    """Input function: what the job's judge looks through."""
    if wildcards.judge == "cnn":
        return {"weights": result("property_cnn/property_cnn.safetensors")}
    return {
        "weights": config["domain"]["segmenter"]["weights"],
        "statistics": result(f"{method_population(wildcards)}/all_scores_v2.json"),
    }


def judge_options(wildcards):
    """Params function: how the job's judge measures, besides its inputs."""
    if wildcards.judge == "cnn":
        return {}
    options = {name: config["scores"]["v2"][name] for name in ALGORITHMS["v1"]}
    return {"segmenter": config["domain"]["segmenter"]["kind"], "options": options}


def judge_digest(wildcards):
    """Params function: hash of the code that one judge runs, and of no other's."""
    return code_digest("ohlora_lib.judging.judges", f"ohlora_lib.judging.{wildcards.judge}_judge")


def trained(names):
    """Return the versions of those methods that are fine-tunes."""
    return [name.removeprefix("finetune_") for name in names if name.startswith("finetune_")]


def leaderboard_methods(wildcards):
    """Return the methods of the job's leaderboard: the one named published has their recipes too."""
    names = methods()
    if wildcards.extent:
        names += [f"finetune_{version}_published" for version in trained(names)]
    return names


def leaderboard_inputs(wildcards):
    """Input function: what every judge says of every method, and the figures of all."""
    names = leaderboard_methods(wildcards)
    return {
        "summaries": judged(names, ["summary.json"]),
        "figures": judged(names, ["grid_median.png", "levels.png", "leakage.png"]),
        "curves": [result(f"finetune/{version}/training_curves.png") for version in trained(names)],
    }


def leaderboard_sources(wildcards):
    """Params function: recipe, training time and training curves of every method."""
    sources = {name: {} for name in leaderboard_methods(wildcards)}
    for version in trained(sources):
        sources[f"finetune_{version}"] = {
            "recipe": FINETUNES[version]["recipe"],
            "benchmark": result(f"benchmarks/finetune/{version}.tsv"),
            "curves": result(f"finetune/{version}/training_curves.png"),
        }
    return sources


def judged(names, files):
    """Return these files of every judge's view of these methods."""
    folder = result("evaluation/{method}/{judge}/{file}")
    return expand(folder, method=names, judge=JUDGES, file=files)


FINETUNES = finetunes()
