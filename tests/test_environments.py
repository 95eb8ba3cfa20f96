"""The environments, the project file, the lock and the profiles agree with one another."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ohlora_lib.methods.finetune.objectives import OBJECTIVES
from ohlora_lib.runtime.digest import import_closure

ROOT = Path(__file__).parents[1]
ENVS = sorted((ROOT / "envs").glob("*.yaml"))
CONDA_NAMES = {
    "pytorch": "torch",
    "py-opencv": "opencv-python-headless",
}  # as conda-forge calls them
IMPORT_NAMES = {
    "PIL": "pillow",
    "ai_edge_litert": "ai-edge-litert",
    "cv2": "opencv-python-headless",
    "pydantic_core": "pydantic",  # which is made of it
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}  # as Python calls them
REQUIREMENT = re.compile(r"^([A-Za-z0-9_.-]+)\s*(.*)$")


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def requirements(lines: list[str | dict[str, list[str]]]) -> dict[str, str]:
    """Return version bounds by package; a dictionary is what pip adds to a conda environment."""
    added = [line for each in lines if isinstance(each, dict) for line in each["pip"]]
    lines = [line for line in lines if isinstance(line, str) and line != "pip"] + added
    return {
        name.lower(): bound.replace(" ", "")
        for name, bound in (REQUIREMENT.match(line).groups() for line in lines)
    }


def bounds() -> dict[str, str]:
    extra = project()["optional-dependencies"]["pretrain"]
    listed = requirements([*project()["dependencies"], *extra])
    return listed | {"python": project()["requires-python"]}


@pytest.mark.parametrize("path", ENVS, ids=[path.stem for path in ENVS])
def test_environment_agrees_with_the_project(path):
    env = yaml.safe_load(path.read_text())
    assert env["channels"] == ["conda-forge", "nodefaults"]
    for name, bound in requirements(env["dependencies"]).items():
        assert bounds().get(CONDA_NAMES.get(name, name)) == bound, f"{path.name}: {name} {bound}"


def rules() -> dict[str, str]:
    """Return the text of every rule that does something; one made from another has that one's.

    Rules that are made in a loop, one per part of a population, count once.
    """
    found = {}
    for path in [ROOT / "Snakefile", *sorted((ROOT / "rules").glob("*.smk"))]:
        for block in re.split(r"\n(?= *(?:use )?rule[ :])", path.read_text())[1:]:
            parent, name = re.match(r" *(?:use rule (\w+) as|rule) ?(\w*)", block).groups()
            pattern = name or re.search(r'f"(\w+)\{(?:part|objective)\}"', block)[1]
            names = [pattern]
            if pattern == "finetune_":
                names = [f"finetune_{objective}" for objective in OBJECTIVES]
            found |= dict.fromkeys(names, block if parent is None else found[parent])
    return {name: block for name, block in found.items() if "script:" in block}


def gpu_rules() -> set[str]:
    return {name for name, block in rules().items() if re.search(r"^ +gpu=", block, re.M)}


def local_rules() -> set[str]:
    """Return the rules that run where Snakemake runs, also on a cluster."""
    listed = re.search(r"^localrules:\n((?:    \w+,\n)+)", (ROOT / "Snakefile").read_text(), re.M)
    return set(re.findall(r"\w+", listed[1]))


def script_of(block: str) -> str:
    name = re.search(r"workflow_scripts/(\w+\.py)", block)[1]
    return (ROOT / "workflow_scripts" / name).read_text()


def imported(text: str) -> Iterator[str]:
    """Yield the dotted name of every module that Python code imports."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def packages_of(block: str) -> set[str]:
    """Return the packages that the code of a rule imports, also through other modules of ours."""
    named = [name for name in imported(script_of(block)) if name.startswith("ohlora_lib")]
    texts = [script_of(block)]
    for module in set().union(*map(import_closure, named)):
        path = ROOT.joinpath(*module.split("."))
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        texts.append(file.read_text())
    found = {name.split(".")[0] for text in texts for name in imported(text)}
    found -= {"ohlora_lib", *sys.stdlib_module_names}
    return {IMPORT_NAMES.get(name, name) for name in found}


@pytest.mark.parametrize("name", rules())
def test_an_environment_holds_what_the_rule_imports(name):
    block = rules()[name]
    env = yaml.safe_load((ROOT / "envs" / re.search(r"envs/([^\"]+)", block)[1]).read_text())
    held = {CONDA_NAMES.get(each, each) for each in requirements(env["dependencies"])}
    assert packages_of(block) <= held, f"{name} lacks {sorted(packages_of(block) - held)}"


def test_the_project_names_every_package_that_the_library_imports():
    found = set().union(*(imported(path.read_text()) for path in ROOT.glob("ohlora_lib/**/*.py")))
    found = {name.split(".")[0] for name in found} - {"ohlora_lib", *sys.stdlib_module_names}
    assert {IMPORT_NAMES.get(name, name) for name in found} <= set(bounds())


@pytest.mark.parametrize("name", rules())
def test_a_rule_says_where_it_runs_and_what_it_needs(name):
    block = rules()[name]
    for directive in ("log", "benchmark", "conda", "threads", "resources"):
        assert re.search(rf"^ +{directive}:", block, re.M), f"{name} has no {directive}"
    for resource in ("mem_mb", "runtime"):
        assert re.search(rf"^ +{resource}=", block, re.M), f"{name} has no {resource}"


def test_a_rule_asks_for_a_gpu_exactly_if_its_script_uses_one():
    for name, block in rules().items():
        script = script_of(block)
        start = (
            r"start_job\(snakemake\.log\[0\], (1|snakemake\.threads), snakemake\.resources\.gpu\)"
        )
        taken = re.search(start, script) is not None
        says = (name in gpu_rules(), taken, "default_device()" in script)
        assert len(set(says)) == 1, f"{name}: rule, start_job, device {says}"


def test_only_torch_environments_hold_torch():
    holders = {path.stem for path in ENVS if "pytorch" in path.read_text()}
    assert holders == {"torch", "pretrain"}


@pytest.mark.parametrize("path", sorted((ROOT / "rules").glob("*.smk")), ids=lambda path: path.stem)
def test_rules_name_environments_that_exist(path):
    for name in re.findall(r'"\.\./envs/([^"]+)"', path.read_text()):
        assert (ROOT / "envs" / name).is_file(), f"{path.name} names {name}"


def test_every_dependency_has_a_reason():
    section = False
    for line in (ROOT / "pyproject.toml").read_text().splitlines():
        section = line.startswith(("dependencies", "[project.optional")) or (
            section and not line.startswith("[tool")
        )
        if section and line.startswith('    "'):
            assert "#" in line, line


@pytest.mark.parametrize(("lock", "extra"), [("", "test"), ("-pretrain", "pretrain")])
def test_the_lock_holds_every_dependency_with_hashes_and_no_address(lock, extra):
    text = (ROOT / f"requirements{lock}.lock").read_text()
    assert "http" not in text and "--index" not in text and "--find-links" not in text
    locked = {}
    for entry in re.split(r"\n(?=\S)", text.strip()):
        name, version = re.match(r"([a-z0-9.-]+)==(\S+)", entry).groups()
        assert "--hash=sha256:" in entry, name
        locked.setdefault(name, []).append(version)
    needed = [*project()["dependencies"], *project()["optional-dependencies"][extra]]
    for name, bound in requirements(needed).items():
        lowest = tuple(map(int, re.search(r">=([\d.]+)", bound).group(1).split(".")))
        for version in locked[name]:
            assert "+" not in version, f"{name} {version} is a local build"
            assert tuple(map(int, re.findall(r"\d+", version)))[: len(lowest)] >= lowest, (
                f"{name} {version}"
            )


def test_the_installer_is_locked_too():
    text = (ROOT / "requirements-uv.lock").read_text()
    assert re.match(r"uv==\d[\d.]+ ", text) and "--hash=sha256:" in text and "http" not in text
    assert text.count("==") == 1


def test_profiles_give_a_reason_for_every_entry():
    for path in (ROOT / "profiles").glob("*/config.yaml"):
        assert yaml.safe_load(path.read_text())["max-checksum-file-size"] == "4GB"
        lines = [
            line
            for line in path.read_text().splitlines()
            if line and not line.startswith(("#", "  "))
        ]
        assert not [line for line in lines if " # " not in line], path


def test_the_cluster_knows_every_rule():
    profile = (ROOT / "profiles/slurm/config.yaml").read_text()
    kinds = {
        kind: set(re.findall(rf"^  (\w+):.*[&*]{kind}\b", profile, re.M))
        for kind in ("gpu", "long", "cpu")
    }
    assert kinds["gpu"] | kinds["long"] == gpu_rules() and not kinds["gpu"] & kinds["long"]
    settings = yaml.safe_load(profile)["set-resources"]
    assert all(settings[name] == settings["generate_images"] for name in kinds["long"])
    assert kinds["cpu"] == set(rules()) - gpu_rules() - local_rules()
    assert local_rules() <= set(rules()) - gpu_rules()
