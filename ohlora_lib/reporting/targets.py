"""What a whole run makes: the files of the target `all`, by stage; torch-free."""

from collections.abc import Iterable, Mapping
from typing import Any

from ohlora_lib.methods.base import Method
from ohlora_lib.populations.recipes import score_algorithms
from ohlora_lib.store.results import Results

# Figures of every population; those of an attribute or algorithm come on top.
POPULATION_FIGURES = (
    "summary.png",
    "funnel.png",
    "generated.jpg",
    "overlays.jpg",
    "histograms.png",
    "agreement.png",
)


def population_figures(config: dict[str, Any], results: Results, population: str) -> list[str]:
    """Return what the report shows of a population."""
    attributes = config["populations"][population]["attributes"]
    figures = [
        *POPULATION_FIGURES,
        *(f"strips-{algorithm}.jpg" for algorithm in score_algorithms(config)),
        *(f"roc-{attribute}.png" for attribute in attributes),
    ]
    return [results("population_figure", population=population, figure=each) for each in figures]


def population_tables(config: dict[str, Any], results: Results) -> list[str]:
    """Return the scores of every population, and the metrics of its classifiers."""
    return [
        file
        for population, recipe in config["populations"].items()
        for file in (
            *(
                results("scores", population=population, algorithm=algorithm)
                for algorithm in score_algorithms(config)
            ),
            *(
                results("classifier_metrics", population=population, attribute=attribute)
                for attribute in recipe["attributes"]
            ),
        )
    ]


def judgements(results: Results, methods: Mapping[str, Method], judges: list[str]) -> list[str]:
    """Return every judge's summary of the methods that every run judges."""
    return [
        results("judgement", method=name, judge=judge)
        for name, method in methods.items()
        if not method.repeats_published
        for judge in judges
    ]


def shown(methods: Iterable[Method]) -> list[str]:
    """Return what the report shows of these methods alone, each file once."""
    return list(dict.fromkeys(file for method in methods for file in method.shown))


def last_tables(
    config: dict[str, Any], results: Results, methods: Mapping[str, Method], judges: list[str]
) -> list[str]:
    """Return the results that every other one leads to: when they are there, so are all times."""
    return [
        *population_tables(config, results),
        results("property_cnn_metrics"),
        *judgements(results, methods, judges),
    ]


def run_targets(
    config: dict[str, Any], results: Results, methods: Mapping[str, Method]
) -> list[str]:
    """Return all that a run makes.

    Args:
        config: with defaults.
        results: the map of its files.
        methods: all of them, see `methods.registry`.
    """
    wanted = population_tables(config, results)
    for population in config["populations"]:
        wanted += population_figures(config, results, population)
    wanted += [results("figure", figure=each) for each in ("runtimes.png", "property_cnn.png")]
    wanted += [results("property_cnn_metrics"), results("property_cnn_scores")]
    if config["hairstyle_cnn"]["population"]:
        wanted += [results("hairstyle_cnn_metrics"), results("merged_cnn")]
    every_run = [method for method in methods.values() if not method.repeats_published]
    wanted += shown(every_run)
    selected = config["selection"]["method"]
    if selected:
        wanted += [results(each, method=selected) for each in ("identities", "identities_page")]
        wanted.append(results("model_card"))
    wanted += [results("record"), results("configuration")]
    if every_run:
        wanted += [results(each, extent="") for each in ("leaderboard", "leaderboard_page")]
        wanted.append(results("figure", figure="search_cost.png"))
    return wanted
