# Helpers for all stages: the checked configuration, code digests, paths and wildcards.
import sys
from dataclasses import asdict
from pathlib import Path

# the library of this checkout, also where it is not installed
sys.path.insert(0, workflow.basedir)

from ohlora_lib.configuration import validate_config
from ohlora_lib.digest import code_digest as library_digest
from ohlora_lib.errors import InputError
from ohlora_lib.scores import ALGORITHMS, PROPERTIES
from ohlora_lib.training.finetune.versions import version_options


def check_config():
    """Fill defaults into `config`, or stop with one sentence that names the mistake."""
    files = ["config.yaml", *map(str, workflow.overwrite_configfiles)]
    schema = Path(workflow.basedir) / "rules" / "schemas" / "config.schema.yaml"
    try:
        config.update(validate_config(config, schema, files))
    except InputError as error:
        # a WorkflowError would bury the sentence in line numbers
        sys.exit(f"error: {error}")


def code_digest(*modules):
    """Return a hash of library modules and of all they import; as a param it triggers reruns."""
    try:
        return library_digest(*modules)
    except InputError as error:
        sys.exit(f"error: {error}")


def result(path):
    """Return a path under the folder that all outputs go to; wildcards stay as they are."""
    return f"{config['results']}/{path}"


def shards(population, kind):
    """Return the shards ("images" or "segments") of a population, in the order of their ids."""
    return [
        result(f"{population}/{kind}/shard-{index:05d}.parquet")
        for index in range(config["shards"])
    ]


def image_shards(wildcards):
    """Input function: all image shards of the job's population."""
    return shards(wildcards.population, "images")


def segment_shards(wildcards):
    """Input function: all segment shards of the job's population."""
    return shards(wildcards.population, "segments")


def generation_recipe(wildcards):
    """Params function: what the images of the job's population depend on, besides weights."""
    keys = ("truncation_psi", "as_published")
    recipe = config["populations"][wildcards.population]
    chosen = {key: recipe[key] for key in keys}
    return {**chosen, "count": recipe["images"], "seed": config["seed"]}


def label_source(wildcards):
    """Input function: a person's table, else the annotator's answers."""
    table = config["populations"][wildcards.population]["labels"]["csv"]
    return {"csv": table} if table else truth_source(wildcards)


def truth_source(wildcards):
    """Input function: the annotator's answers without mistakes, in domains that have one."""
    if config["domain"]["annotator"] is None:
        return {}
    return {"annotator": result(f"{wildcards.population}/annotator.parquet")}


def label_recipe(wildcards):
    """Params function: what the labels of the job's population depend on."""
    recipe = config["populations"][wildcards.population]
    labels = recipe["labels"]
    return {
        "attributes": recipe["attributes"],
        "images": recipe["images"],
        "count": labels["count"],
        "error_rate": labels["error_rate"],
        "seed": config["seed"],
    }


def attribute_predictions(wildcards):
    """Input function: every attribute's answers for the job's population."""
    attributes = config["populations"][wildcards.population]["attributes"]
    folder = result(f"{wildcards.population}/classifiers")
    return [f"{folder}/{attribute}/predictions.parquet" for attribute in attributes]


def property_scores(wildcards):
    """Input function: the raw scores that the job's algorithm gives, in their canonical order."""
    folder = result(f"{wildcards.population}/scores/{wildcards.algorithm}")
    return [f"{folder}/{name}.parquet" for name in ALGORITHMS[wildcards.algorithm]]


def score_digest(wildcards):
    """Params function: hash of the code that one property's score runs, and of no other's."""
    return code_digest("ohlora_lib.populations.measure", f"ohlora_lib.scores.{wildcards.property}")


def fold_weights(wildcards):
    """Input function: the checkpoints of all folds of the job's attribute."""
    folder = result(f"{wildcards.population}/classifiers/{wildcards.attribute}")
    return [f"{folder}/fold-{fold}.safetensors" for fold in folds(wildcards.attribute)]


def folds(attribute):
    """Return the fold numbers of an attribute."""
    return range(config["attributes"][attribute]["folds"])


def fold_metrics(wildcards):
    """Input function: what every fold of the job's attribute reached."""
    folder = result(f"{wildcards.population}/classifiers/{wildcards.attribute}")
    return [f"{folder}/fold-{fold}.json" for fold in folds(wildcards.attribute)]


def generator_weights(wildcards):
    """Input function: the generator that the job's population comes from."""
    own = config["populations"][wildcards.population]["generator"]
    return own or config["domain"]["generator"]


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


def run_results():
    """Return what a whole run makes: scores, metrics and figures of every population."""
    wanted = []
    for population, recipe in config["populations"].items():
        wanted += expand(result(f"{population}/all_scores_{{algorithm}}.csv"), algorithm=ALGORITHMS)
        wanted += expand(
            result(f"{population}/classifiers/{{attribute}}/metrics.json"),
            attribute=recipe["attributes"],
        )
        wanted += report_figures(population)
    wanted += [
        result("property_cnn/metrics.json"),
        result("property_cnn/all_scores_v2_cnn.csv"),
        result("report/property_cnn.png"),
    ]
    if methods():
        wanted += [result("leaderboard.csv"), result("leaderboard.html")]
    return wanted


def pretraining_pools():
    """Return the arguments of every pool of portraits that the embedded weights are trained on."""
    sizes = config["pretrain"]
    side = sizes["network"]["resolution"]
    plain = {"z_dim": sizes["network"]["z_dim"], "side": side, "balanced": False}
    parsing = {**plain, "map_side": 2 * side}
    reading = {**plain, "map_side": 8}
    return {
        "generator": {**plain, "map_side": side, "count": sizes["portraits"]},
        "parser": {**parsing, "count": sizes["parsing_portraits"]},
        "parser_held_out": {**parsing, "count": sizes["held_out"]},
        "annotator": {
            **reading,
            "count": sizes["reading_portraits"],
            "balanced": True,
        },
        "annotator_held_out": {**reading, "count": sizes["held_out"]},
    }


def any_of(names):
    """Return a wildcard constraint that matches exactly these names."""
    return "|".join(names)


check_config()

FINETUNES = finetunes()
JUDGES = ["cnn", "segment"]


wildcard_constraints:
    population=any_of(config["populations"]),
    attribute=any_of(config["attributes"]),
    algorithm=any_of(ALGORITHMS),
    property=any_of(PROPERTIES),
    fold=r"\d+",
    shard=r"\d{5}",
