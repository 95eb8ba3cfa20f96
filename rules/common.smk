# Helpers for all stages: the checked configuration, code digests, paths and wildcards.
import hashlib
import os
import re
import shlex
import sys
from functools import cache, partial
from pathlib import Path

# the library of this checkout, also where it is not installed
sys.path.insert(0, workflow.basedir)

from ohlora_lib.configuration import validate_config
from ohlora_lib.methods.configured import method_problems
from ohlora_lib.runtime.digest import keep_parsed, load_parsed, script_closure, script_digest
from ohlora_lib.errors import InputError
from ohlora_lib.runtime.gpus import count_gpus
from ohlora_lib.runtime.provenance import commit, environment
from ohlora_lib.scores import ALGORITHMS, PROPERTIES
from ohlora_lib.weights.entries import FOLDER
from ohlora_lib.weights.registry import find_part, load_registry
from ohlora_lib.store.layout import shard_bounds, shard_name
from ohlora_lib.store.lock import take_lock


def check_config():
    """Fill defaults into `config`, or stop with one sentence that names the mistake."""
    files = ["config.yaml", *map(str, workflow.overwrite_configfiles)]
    schema = Path(workflow.basedir) / "rules" / "schemas" / "config.schema.yaml"
    try:
        config.update(validate_config(config, schema, files, checks=[method_problems]))
    except InputError as error:
        # a WorkflowError would bury the sentence in line numbers
        sys.exit(f"error: {error}")


def check_results():
    """Stop with one sentence where results cannot be written to: Snakemake shows a traceback."""
    folder = Path(config["results"])
    existing = next(path for path in [folder, *folder.parents] if path.exists())
    if not os.access(existing, os.W_OK):
        sys.exit(f"error: {folder} cannot be written to; make {existing} writable")


def drop_default_rate_limit():
    """Take back Snakemake's limit of 100 jobs a second, not another one; once it has a scheduler.

    With a limit every look at the ready jobs schedules another one a second later, and every job
    that ends adds a look: a hundred jobs later Snakemake looks all the time, on a core (9.27).
    """
    limit = workflow.scheduling_settings.max_jobs_per_timespan
    if limit and limit.max_jobs == 100 and limit.timespan == 1:
        workflow.scheduler.job_rate_limiter = None


def count_cards():
    """Tell Snakemake how many GPUs this machine has, where jobs run here and nobody has said it.

    More jobs would wait for a card with their cores held. Never less than one job asks for: Snakemake
    would cut that down, and a training would not know of it.
    """
    local = workflow.is_main_process and workflow.global_resources["_nodes"].value is None
    cards = count_gpus() if local and "gpu" not in workflow.global_resources else 0
    if cards:
        asking = [*FINETUNES.values(), config["property_cnn"], config["hairstyle_cnn"]]
        most = max(cards, *(settings["gpus"] for settings in asking))
        workflow.register_resource("gpu", most)


def lock_run():
    """Stop where another run works in the same folder, in one sentence; ours is locked till we end.

    Snakemake's own lock, which the profiles switch off, outlives a SIGKILL; this one does not.
    """
    folder = Path(result(""))
    folder.mkdir(parents=True, exist_ok=True)
    if take_lock(folder / ".lock") is None:  # else it is never closed
        sys.exit(f"error: another run of snakemake works in {folder}; wait for it or end it")


def remove_unfinished():
    """Delete what killed jobs had begun to write (ohlora_lib/store/atomic.py).

    Only beside this run's own files: another run, in a folder of its own, may be writing just now.
    """
    written = {Path(file).parent for job in workflow.dag.jobs for file in job.output}
    own = [folder for folder in written if folder.is_relative_to(result(""))]
    parts = [part for folder in own for part in folder.glob(".part-*")]
    for part in [*parts, *Path(result("state")).rglob(".part-*")]:  # no rule declares states
        part.unlink(missing_ok=True)


def track_scripts():
    """Give every rule, as the param `code`, a hash of its script and of the library code it runs.

    A rule that loads modules by name declares them as the param `modules`: a list, or a function of
    wildcards. Snakemake's own comparison is by time and is switched off in the profiles
    (rerun-triggers).
    """
    for each in workflow.rules:
        if each.script:
            script = Path(workflow.basedir, "workflow_scripts", Path(each.script).name)
            modules = dict(each.params.items()).get("modules", [])
            each.set_params(code=partial(script_code, script, modules))
    keep_parsed(PARSED)


def script_code(script, modules, wildcards):
    """Params function: the digest of a script and of all modules that its job runs."""
    named = modules(wildcards) if callable(modules) else modules
    return closed_digest(script, tuple(named))


@cache
def closed_digest(script, modules):
    """Return the digest of a script, of what it imports, and of what these load by name."""
    try:
        found = script_closure(script, modules)
        by_name = [
            name for user in LOADED_BY_NAME if user in found for name in LOADED_BY_NAME[user]
        ]
        return script_digest(script, [*modules, *by_name])
    except InputError as error:
        sys.exit(f"error: {error}")


def result(path):
    """Return a path under the folder that all outputs go to; wildcards stay as they are."""
    run = f"{config['run']}/" if config["run"] else ""
    return f"{config['results']}/{run}{path}"


def leaderboards():
    """Return the leaderboard, where there are methods: a record that waits for it is of its run."""
    return [result("leaderboard.csv")] if methods() else []


def resolved_configuration():
    """Return the configuration with all defaults, without what only comparisons use."""
    return {key: value for key, value in config.items() if key != "runs"}


def checkout_commit(wildcards):
    """Params function: the commit of this checkout."""
    return commit(workflow.basedir)


def main_packages(wildcards):
    """Params function: the versions of the packages that results depend on."""
    return environment()


def comparison(folder, suffix):
    """Return a file of the comparison that `runs` asks for, beside the folders of the runs."""
    name = (config["runs"] or "no-runs").replace(",", "-vs-")
    return f"{config['results']}/{folder}/{name}{suffix}"


def compared_files(wildcards):
    """Input function: what a comparison reads, as far as it is there."""
    names = ("config.yaml", "run.json", "leaderboard.csv", "costs.csv")
    names += ("finetune/*/train_log.csv", "*_cnn/train_log.csv")
    folders = [Path(config["results"], run) for run in (config["runs"] or "").split(",") if run]
    return sorted(str(file) for folder in folders for name in names for file in folder.glob(name))


def shards(population, kind):
    """Return the shards ("images" or "segments") of a population, in the order of their ids."""
    folder = result(f"{population}/{kind}")
    return [f"{folder}/{shard_name(index)}" for index in range(config["shards"])]


def scattered(stage, kind):
    """Return the jobs that write a population's shards: what tells each apart, and its shards.

    One job, "", unless `scatter` has more. What a rule writes is fixed, so that several jobs have a
    rule each; a job per shard is one rule with a wildcard, with which Snakemake is faster.
    """
    jobs = config["scatter"][stage]
    if 1 < jobs == config["shards"]:
        return {"_{shard}": [result(f"{{population}}/{kind}/shard-{{shard}}.parquet")]}
    paths = shards("{population}", kind)
    return {
        f"_{number}_of_{jobs}" if jobs > 1 else "": paths[start:stop]
        for number, (start, stop) in enumerate(shard_bounds(len(paths), jobs), start=1)
    }


def segmented_images(wildcards):
    """Input function: the image shards that a job segments some or all of."""
    if "shard" in wildcards.keys():
        return [result(f"{wildcards.population}/images/shard-{wildcards.shard}.parquet")]
    return image_shards(wildcards)


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
    counts = {"count": recipe["images"], "resolution": config["domain"]["resolution"]}
    return {**chosen, **counts, "seed": config["seed"]}


def imported_populations():
    """Return the populations whose images are a folder of pictures."""
    return [name for name, recipe in config["populations"].items() if recipe["images_from"]]


def generated_populations():
    """Return the populations whose images a generator draws."""
    return [name for name in config["populations"] if name not in imported_populations()]


def population_threads(wildcards):
    """Threads function: two for a population that the run begins with, one beside other jobs.

    A job of two threads waits for two cores that are free at once, and of two there seldom are.
    """
    return 1 if config["populations"][wildcards.population]["finetune"] else 2


def import_recipe(wildcards):
    """Params function: which pictures the job's population takes from its folder."""
    recipe = config["populations"][wildcards.population]
    counts = {"count": recipe["images"], "resolution": config["domain"]["resolution"]}
    return {**recipe["images_from"], **counts}


def picture_listing(wildcards):
    """Params function: hash of names, sizes and times of the files in the population's folder."""
    folder = Path(config["populations"][wildcards.population]["images_from"]["folder"])
    found = [(file.name, file.stat()) for file in sorted(folder.iterdir())]
    listing = [(name, state.st_size, state.st_mtime_ns) for name, state in found]
    return hashlib.sha256(repr(listing).encode()).hexdigest()[:12]


def label_source(wildcards):
    """Input function: a person's table, else the annotator's answers.

    A table that is still to be made is no input but the job's own complaint, once there are images.
    """
    table = label_table(wildcards)
    if table is None:
        return truth_source(wildcards)
    return {"csv": table} if Path(table).exists() else {"images": image_shards(wildcards)}


def label_table(wildcards):
    """Params function: a person's labels of the job's population, or None."""
    return config["populations"][wildcards.population]["labels"]["csv"]


def label_command(wildcards):
    """Params function: the command that makes a person's table; None where it is there, or not needed.

    It names the overlays and the folder of this run: `ohlora label` sees no command line of Snakemake.
    """
    table = label_table(wildcards)
    if table is None or Path(table).exists():
        return None
    attributes = config["populations"][wildcards.population]["attributes"]
    options = ["--population", wildcards.population, "--attributes", *attributes]
    for overlay in workflow.overwrite_configfiles:
        options += ["--configfile", os.path.relpath(overlay)]
    options += ["--results", result("").rstrip("/")]
    return shlex.join(["ohlora", "label", *options])


def annotator_weights(wildcards):
    """Input function: the simulated annotator, in domains that have one."""
    return config["domain"]["annotator"] or []


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


def segmenter_weights(wildcards):
    """Input function: the networks of the segmenter."""
    segmenter = config["domain"]["segmenter"]
    if segmenter["kind"] == "parser":
        return {"weights": segmenter["weights"]}
    return {"weights": segmenter["weights"], "detector": segmenter["detector"]}


def attribute_predictions(wildcards):
    """Input function: every attribute's answers for the job's population."""
    attributes = config["populations"][wildcards.population]["attributes"]
    folder = result(f"{wildcards.population}/classifiers")
    return [f"{folder}/{attribute}/predictions.parquet" for attribute in attributes]


def property_scores(wildcards):
    """Input function: the raw scores that the job's algorithm gives, in their canonical order."""
    folder = result(f"{wildcards.population}/scores/{wildcards.algorithm}")
    return [f"{folder}/{name}.parquet" for name in ALGORITHMS[wildcards.algorithm]]


def score_module(wildcards):
    """Params function: the module of one property's score."""
    return [f"ohlora_lib.scores.{wildcards.property}"]


def fold_weights(wildcards):
    """Input function: the checkpoints of all folds of the job's attribute."""
    folder = result(f"{wildcards.population}/classifiers/{wildcards.attribute}")
    return [f"{folder}/fold-{fold}.safetensors" for fold in folds(wildcards.attribute)]


def folds(attribute):
    """Return the fold numbers of an attribute."""
    return range(config["attributes"][attribute]["folds"])


def classifier_options(wildcards):
    """Params function: how the job's attribute is trained in the job's population."""
    changes = dict(config["populations"][wildcards.population]["training"])
    own = {key: value for key, value in changes.get(wildcards.attribute, {}).items()}
    own.pop("start", None)
    return {**config["attributes"][wildcards.attribute], **own}


def finished_classifiers(wildcards):
    """Return the networks made elsewhere that tell the job's attribute, one per fold; none: []."""
    recipe = config["populations"][wildcards.population]
    return recipe["classifiers"].get(wildcards.attribute, [])


def is_finished(wildcards):
    """Params function: whether the job only judges the network that it is given."""
    return bool(finished_classifiers(wildcards))


def classifier_start(wildcards):
    """Input function: what the job's training starts from, or the finished network that it judges."""
    finished = finished_classifiers(wildcards)
    if finished:
        return {"start": finished[int(wildcards.fold)]}
    training = config["populations"][wildcards.population]["training"]
    start = training.get(wildcards.attribute, {}).get("start")
    if start is None:
        return {}
    return {"start": result(f"{start}/classifiers/{wildcards.attribute}/fold-0.safetensors")}


def filter_recipe(wildcards):
    """Params function: which images of the job's population are kept."""
    recipe = config["populations"][wildcards.population]
    return {
        "conditions": recipe["filter"],
        "filter_by": recipe["filter_by"],
        "exclude_labelled": recipe["exclude_labelled"],
    }


def registry():
    """Return all weights made by others, or stop with one sentence that names the mistake."""
    try:
        return load_registry()
    except InputError as error:
        sys.exit(f"error: {error}")


def downloads():
    """Return where every file of weights made by others belongs: by path, its entry and itself."""
    return {
        str(entry.download(file)): (entry, file)
        for entry in WEIGHTS.values()
        for file in entry.files
    }


def missing_downloads():
    """Return the paths of those that are not here, without their common folder.

    Only these have a rule: what a person has put there is never deleted by a run.
    """
    folder = f"{FOLDER}/downloads/"
    return [path.removeprefix(folder) for path in downloads() if not Path(path).exists()]


def published_file(wildcards):
    """Params function: address, size and checksum of the file that the job downloads."""
    _, file = downloads()[f"{FOLDER}/downloads/{wildcards.download}"]
    return {"url": file.url, "size": file.bytes, "sha256": file.sha256}


def part_of(wildcards):
    """Return the published file that the job's part is in, and the part."""
    try:
        return find_part(WEIGHTS[wildcards.name], wildcards.part)
    except InputError as error:
        sys.exit(f"error: {error}")


def download_of(wildcards):
    """Input function: where the published file that the job's part is in belongs."""
    return str(WEIGHTS[wildcards.name].download(part_of(wildcards)[0]))


def require_weights():
    """Stop before any job where weights are missing: name them all, each with its remedy."""
    known, problems = downloads(), []
    for job in workflow.dag.needrun_jobs():
        if job.rule.name == "fetch_weights":
            entry, file = known[str(job.output[0])]
            if file.url is None or not config["domain"]["download"]:
                problems.append(f"error: {job.output[0]} is missing; {entry.remedy(file)}")
    if problems:
        sys.exit("\n".join(sorted(problems)))


def fold_metrics(wildcards):
    """Input function: what every fold of the job's attribute reached."""
    folder = result(f"{wildcards.population}/classifiers/{wildcards.attribute}")
    return [f"{folder}/fold-{fold}.json" for fold in folds(wildcards.attribute)]


def generator_weights(wildcards):
    """Input function: the generator that the job's population comes from."""
    recipe = config["populations"][wildcards.population]
    if recipe["finetune"]:
        return result(f"finetune/{recipe['finetune']}/generator.safetensors")
    return recipe["generator"] or original_generator(recipe["as_published"])


def original_generator(as_published):
    """Return the domain's generator, or the one that the reference used where that is another."""
    domain = config["domain"]
    return (as_published and domain["generator_as_published"]) or domain["generator"]


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
    if config["hairstyle_cnn"]["population"]:
        wanted += [result("hairstyle_cnn/metrics.json"), result("hairstyle_cnn/merged.safetensors")]
    for name in VECTORFINDS:
        folder = result(f"vectorfind/{name}")
        wanted += [f"{folder}/{file}" for file in ("test_summary.json", "tsne.png")]
    if WAYS:
        wanted.append(result("directions/saturation.csv"))
    wanted += concept_figures(config["finetune"])
    if selected_method():
        folder = result(f"identities/{selected_method()}")
        wanted += [f"{folder}/identities.csv", f"{folder}/identities.html"]
        wanted.append(result("model/README.md"))
    wanted += [result("run.json"), result("config.yaml")]
    if methods():
        wanted += [result("leaderboard.csv"), result("leaderboard.html")]
        wanted.append(result("report/search_cost.png"))
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


PARSED = Path(".snakemake/ohlora-parsed.json")  # what the library's syntax trees say
load_parsed(PARSED)
check_config()
check_results()
WEIGHTS = registry()

# What library modules load by name, as the configuration has it: part of the code of their users.
LOADED_BY_NAME = {
    "ohlora_lib.networks.segmentation": [
        f"ohlora_lib.networks.{kind}_segmenter"
        for kind in [config["domain"]["segmenter"]["kind"]]
        if kind != "parser"
    ],
}

# Priority of the jobs that most others wait for: figures and judging fill the gaps.
LONGEST_PATH = 10
SHORTER_PATH = 5  # of fine-tunes that only judging waits for; the adversarial ones share v1's rule


wildcard_constraints:
    population=any_of(config["populations"]),
    attribute=any_of(config["attributes"]),
    algorithm=any_of(ALGORITHMS),
    property=any_of(PROPERTIES),
    fold=r"\d+",
    shard=r"\d{5}",
