# The checked configuration, the map of the run's files, code digests, and what several stages share.
import os
import re
import sys
from functools import cache, partial
from pathlib import Path

# the library of this checkout, also where it is not installed
sys.path.insert(0, workflow.basedir)

from ohlora_lib.configuration import validate_config
from ohlora_lib.errors import InputError
from ohlora_lib.generators.registry import family_modules
from ohlora_lib.methods.registry import method_problems
from ohlora_lib.networks.segmenters import SEGMENTERS, segmenter_files, segmenter_options
from ohlora_lib.populations import recipes
from ohlora_lib.reporting import published
from ohlora_lib.runtime.digest import keep_parsed, load_parsed, script_closure, script_digest
from ohlora_lib.runtime.gpus import count_gpus
from ohlora_lib.runtime.provenance import commit, environment
from ohlora_lib.scores import ALGORITHMS, PROPERTIES
from ohlora_lib.store.layout import shard_bounds
from ohlora_lib.store.lock import take_lock
from ohlora_lib.store.results import Results, run_folder


def or_exit(function, *arguments, **options):
    """Return what a function returns, or stop with one sentence where the input is wrong."""
    try:
        return function(*arguments, **options)
    except InputError as error:
        # a WorkflowError would bury the sentence in line numbers
        sys.exit(f"error: {error}")


def check_config():
    """Fill defaults into `config`, or stop with one sentence that names the mistake."""
    files = ["config.yaml", *map(str, workflow.overwrite_configfiles)]
    config.update(or_exit(validate_config, config, files, checks=[method_problems]))


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

    More jobs would wait for a card with their cores held. Never less than what one job requests:
    Snakemake would cut that down, and a training would not know of it.
    """
    local = workflow.is_main_process and workflow.global_resources["_nodes"].value is None
    cards = count_gpus() if local and "gpu" not in workflow.global_resources else 0
    if cards:
        trainings = [each.settings for each in FINETUNES.values()]
        trainings += [config["property_cnn"], config["hairstyle_cnn"]]
        most = max(cards, *(settings["gpus"] for settings in trainings))
        workflow.register_resource("gpu", most)


def require_weights():
    """Stop before any job where weights are missing: name them all, each with its remedy."""
    fetched = [job for job in workflow.dag.needrun_jobs() if job.rule.name == "fetch_weights"]
    allowed = config["domain"]["download"]
    problems = [WEIGHTS.complaint(str(job.output[0]), allowed) for job in fetched]
    if any(problems):
        sys.exit("\n".join(sorted(f"error: {each}" for each in problems if each)))


def lock_run():
    """Stop where another run works in the same folder, in one sentence; ours is locked till we end.

    Snakemake's own lock, which the profiles switch off, outlives a SIGKILL; this one does not.
    """
    folder = Path(results.folder)
    folder.mkdir(parents=True, exist_ok=True)
    if take_lock(folder / ".lock") is None:  # else it is never closed
        sys.exit(f"error: another run of snakemake works in {folder}; wait for it or end it")


def remove_unfinished():
    """Delete what killed jobs had begun to write (ohlora_lib/store/atomic.py).

    Only beside this run's own files: another run, in a folder of its own, may be writing just now.
    """
    written = {Path(file).parent for job in workflow.dag.jobs for file in job.output}
    own = [folder for folder in written if folder.is_relative_to(results.folder)]
    parts = [part for folder in own for part in folder.glob(".part-*")]
    states = results.path("state", training="")  # no rule declares them
    for part in [*parts, *states.rglob(".part-*")]:
        part.unlink(missing_ok=True)


def track_scripts():
    """Give every rule, as the param `code`, a hash of its script and of the library code it runs.

    The param `modules` of a rule, a list or a function of wildcards, declares what it loads by name. Snakemake's own comparison is by time and is switched off in the profiles
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
    found = or_exit(script_closure, script, modules)
    by_name = [name for user in LOADED_BY_NAME if user in found for name in LOADED_BY_NAME[user]]
    return or_exit(script_digest, script, [*modules, *by_name])


def scattered(stage, kind):
    """Return the jobs that write a population's shards: what distinguishes each, and its shards.

    One job, "", unless `scatter` has more. What a rule writes is fixed, so that several jobs have a
    rule each; a job per shard is one rule with a wildcard, with which Snakemake is faster.
    """
    jobs = config["scatter"][stage]
    if 1 < jobs == config["shards"]:
        return {"_{shard}": [results(kind)]}
    paths = results.shards("{population}", kind, config["shards"])
    return {
        f"_{number}_of_{jobs}" if jobs > 1 else "": paths[start:stop]
        for number, (start, stop) in enumerate(shard_bounds(len(paths), jobs), start=1)
    }


def of_folds(name):
    """Return a function of wildcards: a file of every fold of the job's attribute."""
    return lambda wildcards: [
        results(name, population=wildcards.population, attribute=wildcards.attribute, fold=fold)
        for fold in recipes.folds(config, wildcards.attribute)
    ]


def of_population(function):
    """Return a function of wildcards that asks `populations.recipes` about the job's population."""
    return lambda wildcards: function(config, wildcards.population)


def population_threads(wildcards):
    """Threads function: two for a population that the run begins with, one beside other jobs.

    A job of two threads waits for two cores that are free at once, and of two there seldom are.
    """
    return 1 if config["populations"][wildcards.population]["finetune"] else 2


def training_memory(wildcards, threads):
    """Return the memory of a training, MB; each process has pictures and networks of its own."""
    return 1500 + 1500 * threads


def any_of(names):
    """Return a wildcard constraint that matches exactly these names, or nothing that a path has."""
    return "|".join(names) or "none"


PARSED = Path(".snakemake/ohlora-parsed.json")  # what the library's syntax trees say
load_parsed(PARSED)
check_config()
check_results()

# The map of this run's files: results("labels", population="v1"); wildcards that are not given stay.
results = Results(run_folder(config["results"], config["run"]))
IMAGES = results.shards("{population}", "image_shard", config["shards"])
SEGMENTS = results.shards("{population}", "segment_shard", config["shards"])

# What library modules load by name, as the configuration has it: part of the code of their users.
LOADED_BY_NAME = {
    "ohlora_lib.generators.base": family_modules(config["domain"]["generator_family"]),
    "ohlora_lib.networks.segmentation": [SEGMENTERS[config["domain"]["segmenter"]["kind"]].module],
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
