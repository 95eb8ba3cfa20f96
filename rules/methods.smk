# The configured methods, and what rules of the model half look up in them (ohlora_lib/methods).
from operator import attrgetter

from ohlora_lib.judging.judges.registry import (
    JUDGES,
    RANKING,
    judge_names,
    judge_table,
    judge_words,
)
from ohlora_lib.methods import sampled
from ohlora_lib.methods.directions import method as directions
from ohlora_lib.methods.finetune.objectives import OBJECTIVES
from ohlora_lib.methods.registry import configured_methods


def of_family(family):
    """Return the methods of a family by the names that they have in it."""
    return {each.name: each for each in METHODS.values() if each.family == family}


def of_kind(kind):
    """Return the names of the references of a kind."""
    return [name for name, each in REFERENCES.items() if each.settings["kind"] == kind]


def of(entries, wildcard):
    """Return a function that makes input and params functions: an attribute of the job's entry.

    `of(METHODS, "method")("model")` reads `model` of the method that the wildcard `method` names.
    """

    def reads(attribute):
        return lambda wildcards: attrgetter(attribute)(entries[getattr(wildcards, wildcard)])

    return reads


def sample_part(wildcards):
    """Params function: which part of the samples the job draws, from 0, and of how many."""
    parts = SOURCES[wildcards.source].parts
    return [parts.index(wildcards.slice), len(parts)]


def search_memory(wildcards):
    """Resources function: MB of a search."""
    return sampled.search_memory(VECTORFINDS[wildcards.vectors].settings["samples"])


def attribute_readers(wildcards):
    """Input function: the annotator, else the first fold of each of the population's attributes.

    Where the domain names an identity embedding, also this and the face mesh that it needs.
    """
    domain, found = config["domain"], {}
    if domain["identity"] is not None:
        found = {"identity": domain["identity"], "face_mesh": segmenter_files(config)["weights"]}
    if domain["annotator"] is not None:
        return {"annotator": domain["annotator"], **found}
    population = METHODS[wildcards.method].population
    attributes = config["populations"][population]["attributes"]
    return {"classifiers": recipes.classifiers(results, population, attributes), **found}


def judge_inputs(wildcards):
    """Input function: what the job's judge looks through."""
    return JUDGES[wildcards.judge].inputs(config, results)


def judge_options(wildcards):
    """Params function: how the job's judge measures, besides its inputs."""
    return JUDGES[wildcards.judge].options(config, METHODS[wildcards.method])


def leaderboard_methods(wildcards):
    """Return the methods of the job's leaderboard: the one named published has their recipes too."""
    return list(METHODS) if wildcards.extent else EVERY_RUN


def leaderboard_files(name, judges=RANKING, **fixed):
    """Return a function of wildcards: a file of every judge's view of the leaderboard's methods."""
    return lambda wildcards: [
        results(name, method=method, judge=judge, **fixed)
        for method in leaderboard_methods(wildcards)
        for judge in judges
    ]


def training_files(name):
    """Return a function of wildcards: files that the leaderboard's page shows of trainings."""
    return lambda wildcards: [
        METHODS[method].figures[name]
        for method in leaderboard_methods(wildcards)
        if name in METHODS[method].figures
    ]


def leaderboard_entries(wildcards):
    """Params function: recipe, training and costs of every method."""
    return {name: METHODS[name].leaderboard_entry() for name in leaderboard_methods(wildcards)}


METHODS = configured_methods(config, results)
EVERY_RUN = [name for name, method in METHODS.items() if not method.repeats_published]
FINETUNES, VECTORFINDS, REFERENCES = map(of_family, ("finetune", "vectorfind", "reference"))
WAYS = directions.fitted(config, results)  # also those that others only begin with
SOURCES = sampled.sampled_generators(config, results)
of_method = of(METHODS, "method")
of_finetune = of(FINETUNES, "version")
of_search = of(VECTORFINDS, "vectors")
of_way = of(WAYS, "directions")
of_reference = of(REFERENCES, "reference")
of_source = of(SOURCES, "source")
CONCEPTS = [name for name, each in FINETUNES.items() if each.narrows]
JUDGING = judge_names(config)
INFORMING = [name for name in JUDGING if name not in RANKING]
SELECTED = config["selection"][
    "method"
]  # whose faces are ranked and whose model is shipped, or None
SELECTED_MODEL = METHODS[SELECTED].model if SELECTED else {}
