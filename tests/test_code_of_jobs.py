"""The code that a job's digest covers is the code that the job really runs."""

import json
import shutil
from pathlib import Path

import pytest
from factories import MAP_PAIRS
from project import RESULTS, said, snakemake

from ohlora_lib.generators.registry import family_modules
from ohlora_lib.networks.segmenters import SEGMENTERS
from ohlora_lib.runtime.digest import START, import_closure, script_closure
from ohlora_lib.store.results import Results

pytestmark = pytest.mark.slow

# Python runs it when it starts: what a script has imported is written down when it ends.
RECORDER = """
import atexit, json, os, sys

def record():
    name = os.path.basename(sys.argv[0])
    if ".snakemake/scripts/" in sys.argv[0]:
        own = sorted(name for name in sys.modules if name.split(".")[0] == "ohlora_lib")
        with open(f"imports/{name}-{os.getpid()}.json", "w") as file:
            json.dump(own, file)

atexit.register(record)
"""
RUN = Results(RESULTS)
OURS = "ohlora_lib."
BY_NAME = [*family_modules("stylegan1"), SEGMENTERS["parser"].module]  # as common.smk declares
METHODS = {
    "finetune_v3": "methods.finetune.conditional",
    "vectorfind_v8": "methods.vectorfind.model",
    "directions_linear": "methods.directions.model",
}
# One output of every kind of job that loads something by name, or runs much -> script, its modules.
JOBS = {
    **{
        RUN("raw_scores", population="original", algorithm=algorithm, property=name): (
            "score_property", [f"scores.{name}"],
        )
        for algorithm, name in MAP_PAIRS
    },
    RUN("segment_shard", population="original", shard="00000"): ("segment_images", []),
    **{
        RUN("generator", version=version): ("finetune", [f"methods.finetune.{objective}"])
        for version, objective in {"v1": "adversarial", "v3": "autoencoder"}.items()
    },
    RUN("directions", directions="linear"): (
        "fit_directions", ["methods.directions.ways.linear"],
    ),
    **{
        RUN("pictures", method=method): ("draw_pictures", [module])
        for method, module in METHODS.items()
    },
    **{
        RUN("measured", method="finetune_v3", judge=judge): (
            "score_pictures", [f"judging.judges.{judge}"],
        )
        for judge in ("cnn", "segment")
    },
    RUN("judgement", method="finetune_v3", judge="cnn"): ("judge_method", ["judging.protocol"]),
    RUN("leaderboard", extent=""): ("make_leaderboard", []),
}  # fmt: skip


@pytest.fixture(scope="module")
def imports(finished, tmp_path_factory) -> dict[str, list[set[str]]]:
    """Script -> the modules of ours that each of its jobs had imported when it ended."""
    folder = tmp_path_factory.mktemp("code") / "project"
    shutil.copytree(finished, folder)
    (folder / "sitecustomize.py").write_text(RECORDER)
    (folder / "imports").mkdir()
    run = snakemake(folder, "--cores", "2", "--force", *JOBS)
    assert run.returncode == 0, said(run)[-4000:]
    found: dict[str, list[set[str]]] = {}
    for file in (folder / "imports").glob("*.json"):
        script = file.name.split(".")[1]  # Snakemake runs a copy: tmp….script.py
        found.setdefault(script, []).append(set(json.loads(file.read_text())))
    return found


def closure(script: str, modules: list[str]) -> set[str]:
    path = Path(__file__).parents[1] / "workflow_scripts" / f"{script}.py"
    named = [OURS + module for module in modules]
    return {*script_closure(path, [*named, *BY_NAME])}


def test_no_job_runs_code_that_its_digest_does_not_cover(imports):
    # starting a job changes no result
    start = {name for each in START for name in import_closure(f"{OURS}runtime.{each}")}
    by_script: dict[str, list[set[str]]] = {}
    for script, modules in JOBS.values():
        by_script.setdefault(script, []).append(closure(script, modules))
    assert set(imports) >= set(by_script)
    for script, covered in by_script.items():
        for own in imports[script]:
            missing = min((own - each - start for each in covered), key=len)
            assert not missing, f"{script} also runs {sorted(missing)}"
