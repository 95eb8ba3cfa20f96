# Helpers for all stages: the checked configuration, code digests, paths and wildcards.
import sys
from pathlib import Path

sys.path.insert(
    0, workflow.basedir
)  # the library of this checkout, also where it is not installed

from ohlora_lib.configuration import validate_config
from ohlora_lib.digest import code_digest as library_digest
from ohlora_lib.errors import InputError
from ohlora_lib.scores import ALGORITHMS, PROPERTIES


def check_config():
    """Fill defaults into `config`, or stop with one sentence that names the mistake."""
    files = ["config.yaml", *map(str, workflow.overwrite_configfiles)]
    schema = Path(workflow.basedir) / "rules" / "schemas" / "config.schema.yaml"
    try:
        config.update(validate_config(config, schema, files))
    except InputError as error:
        sys.exit(
            f"error: {error}"
        )  # a WorkflowError would bury the sentence in line numbers


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
    count = config["populations"][population]["shards"]
    return [
        result(f"{population}/{kind}/shard-{index:05d}.parquet")
        for index in range(count)
    ]


def image_shards(wildcards):
    """Input function: all image shards of the job's population."""
    return shards(wildcards.population, "images")


def segment_shards(wildcards):
    """Input function: all segment shards of the job's population."""
    return shards(wildcards.population, "segments")


def fold_weights(wildcards):
    """Input function: the checkpoints of all folds of the job's attribute."""
    folder = result(f"{wildcards.population}/classifiers/{wildcards.attribute}")
    return [f"{folder}/fold-{fold}.safetensors" for fold in folds(wildcards.attribute)]


def folds(attribute):
    """Return the fold numbers of an attribute."""
    return range(config["attributes"][attribute]["folds"])


def generator_weights(wildcards):
    """Input function: the generator that the job's population comes from."""
    own = config["populations"][wildcards.population]["generator"]
    return own or config["domain"]["generator"]


def any_of(names):
    """Return a wildcard constraint that matches exactly these names."""
    return "|".join(names)


check_config()


wildcard_constraints:
    population=any_of(config["populations"]),
    attribute=any_of(config["attributes"]),
    algorithm=any_of(ALGORITHMS),
    property=any_of(PROPERTIES),
    fold=r"\d+",
    shard=r"\d{5}",
