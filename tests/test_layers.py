"""Who may import whom: the layers of the library, seen in its source."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from ohlora_lib.runtime.digest import import_closure

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "ohlora_lib"
LAYERS = (
    "store",
    "runtime",
    "scores",
    "generators",
    "portraits",
    "networks",
    "training",
    "populations",
    "methods",
    "weights",
    "judging",
    "pretraining",
    "configuration",
    "reporting",
    "labelling",
    "cli",
)
FREE = {"attributes", "errors", "seeds"}  # anyone may import these
FILES = sorted(PACKAGE.rglob("*.py"))
NAMES = {path: str(path.relative_to(ROOT)) for path in FILES}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> set[str]:
    """Return the dotted names that a file's import statements mention, relative ones resolved."""
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*base, *([node.module] if node.module else [])])
            names |= {f"{base}.{alias.name}" for alias in node.names}
    return names


def test_every_folder_is_a_layer():
    assert {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()} <= set(
        LAYERS
    )


@pytest.mark.parametrize("path", FILES, ids=NAMES.values())
def test_imports_point_to_the_left(path):
    layer = module_name(path).split(".")[1:2]
    own = [name.split(".")[1] for name in imported(path) if name.startswith("ohlora_lib.")]
    if layer and layer[0] in LAYERS:
        allowed = {*LAYERS[: LAYERS.index(layer[0]) + 1], *FREE}
    else:
        allowed = {*LAYERS[:2], *FREE}  # modules at the top serve every layer but the lowest
    assert set(own) <= allowed, f"{NAMES[path]} imports {sorted(set(own) - allowed)}"


@pytest.mark.parametrize("path", FILES, ids=NAMES.values())
def test_the_library_does_not_know_snakemake(path):
    assert not [name for name in imported(path) if name.split(".")[0] == "snakemake"]
    used = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
    assert "snakemake" not in used, f"{NAMES[path]} uses the variable snakemake"


def torch_free() -> list[str]:
    modules = [module_name(path) for path in FILES]
    layers = (["store"], ["scores"], ["labelling"], ["configuration"])
    light = [name for name in modules if name.split(".")[1:2] in layers]
    top = [name for name in modules if name.count(".") <= 1 and name.split(".")[-1] not in LAYERS]
    return sorted(
        {*light, *top} - {"ohlora_lib.store.checkpoints", "ohlora_lib.store.picture_tensors"}
    )


@pytest.mark.parametrize("module", torch_free())
def test_numpy_layers_do_not_import_torch(module):
    for name in import_closure(module):
        path = ROOT.joinpath(*name.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        heavy = {item.split(".")[0] for item in imported(path)} & {"torch", "torchvision"}
        assert not heavy, f"{module} imports torch through {name}"


def test_they_do_not_load_torch_through_other_packages_either():
    code = (
        "import importlib, sys\n"
        f"for name in {torch_free()!r}: importlib.import_module(name)\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
