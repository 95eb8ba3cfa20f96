"""Snakemake's own report of a finished run: whole, explained, and readable without a network."""

import base64
import json
import re
from pathlib import Path

import pytest
from project import said, snakemake

pytestmark = pytest.mark.slow

# What it must hold, by category: the figures' labels (config/smoke.yaml has every kind).
FIGURES = {
    "1 Overview": {"funnel", "key figures"},
    "2 Images": {"1 generated", "2 labelled", "3 refused", "4 kept"},
    "3 Attribute networks": {"ROC and training curves"},
    "4 Segmentation": {"class maps over faces"},
    "5 Property scores": {
        "low, median, high",
        "histograms",
        "agreement",
        "network against segmentation",
    },
    "6 Run": {"run times"},
    "7 Control": {
        "leaderboard",
        "1 median latent, 50 requests",
        "2 one property at a time",
        "3 leakage",
        "4 training",
        "yield and cost",
        "best identities",
    },
}
LOADS = r"<(?:script|link|img|iframe|source|object)\b[^>]*\b(?:src|href|data)\s*=\s*[\"']?"


@pytest.fixture(scope="module")
def report(finished, tmp_path_factory) -> str:
    """Make the report and return its HTML."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    run = snakemake(finished, "--report", str(path))
    assert run.returncode == 0, said(run)
    return path.read_text()


def variable(report: str, name: str) -> dict:
    """Return the data that a script of the page holds."""
    script = rf'<script id="{name}">\s*var {name} = (.*?);\s*</script>'
    found = re.search(script, report, re.DOTALL)
    return json.loads(found[1])


@pytest.fixture(scope="module")
def results(report) -> dict[str, dict]:
    """Return what the report says of every file, by path."""
    return variable(report, "results")


def test_the_page_loads_nothing(report):
    markup = re.sub(r"(<script\b[^>]*>).*?</script>", r"\1", report, flags=re.DOTALL)
    assert markup.count("<script") > 10
    assert not re.findall(LOADS, markup)
    styles = re.findall(r"<style>(.*?)</style>", markup, re.DOTALL)
    assert not re.search(r"@import|url\(\s*[\"']?(?!data:)", "".join(styles))


def test_every_file_is_in_the_page_and_pages_in_it_load_nothing_either(finished, results):
    for place, about in results.items():
        header, _, content = about["data_uri"].partition("base64,")
        assert header.startswith("data:"), place
        content = base64.b64decode(content)
        assert content == (finished / place).read_bytes()
        if Path(place).suffix == ".html":
            assert not re.search(LOADS + "(?:https?:)?//", content.decode())


def test_every_figure_is_there_under_its_category(report, results):
    categories = variable(report, "categories")
    assert set(categories) == set(FIGURES)
    for category, subcategories in categories.items():
        places = [place for several in subcategories.values() for place in several]
        assert FIGURES[category] <= {results[place]["labels"]["figure"] for place in places}
    for category in ("1 Overview", "2 Images", "3 Attribute networks", "5 Property scores"):
        assert {"original", "v1"} <= set(categories[category])
    roc = [about["labels"] for about in results.values() if "attribute" in about["labels"]]
    assert {labels["attribute"] for labels in roc} == {"gender", "quality"}
    strips = [each["labels"] for each in results.values() if each["filename"].startswith("strips")]
    assert {labels["algorithm"] for labels in strips} == {"v1", "v2"}


def test_every_file_has_a_caption_that_fits_the_domain(results):
    for place, about in results.items():
        text = re.sub(r"<[^>]+>", "", about["caption"])
        assert len(text.split()) > 5, place
        assert not re.search(r"{[{%]|[%}]}|system-message", about["caption"]), place
        # the parser's face cut is the whole picture, so this defect of v1 does not show
        assert "wrong pixels" not in text and "noisy" not in text, place
