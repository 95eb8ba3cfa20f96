"""Which library modules a job depends on, and a hash of what they and its script do.

Snakemake does not track imported code. Every rule therefore gets `script_digest` of its script as
the param `code` (rules/common.smk): its jobs run again when the script, a module that it imports or
anything that these import changes, and not when a comment or docstring does.
"""

import ast
import contextlib
import functools
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ohlora_lib.errors import InputError

ROOT = Path(__file__).parents[1]  # the package folder; its parent is where module names start
START = ("jobs", "device")  # of runtime/: how a job starts, which changes no result


def import_closure(module: str, root: Path = ROOT) -> list[str]:
    """Return the modules of our package that importing `module` runs, itself included.

    Import statements are read from the source, also those inside functions; modules named only in a
    string (`importlib.import_module`) are not seen: rules declare them.
    The package of every module counts, since Python runs its `__init__.py` first.

    Args:
        module: a dotted name such as "ohlora_lib.scores.eyes".
        root: the package folder.

    Returns:
        Dotted names, sorted.

    Raises:
        InputError: there is no such module, or a module of the closure cannot be parsed or imports
            one of ours that does not exist.
    """
    if _source(module, root) is None:
        raise InputError(
            f"there is no library module {module}; correct the name in the rule that declares it"
        )
    closure: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in closure:
            closure.add(name)
            waiting += _facts(name, root)[1]
    return sorted(closure)


def script_modules(script: Path, root: Path = ROOT) -> list[str]:
    """Return the library modules that a workflow script imports itself, sorted.

    Those in `START` are left out.

    Raises:
        InputError: the script cannot be parsed, or imports a module of ours that does not exist.
    """
    found: set[str] = set()
    for line, *statement in _parsed(script).imports:
        found |= set(_targets(statement, f"{script}, line {line}", "", script, root))
    start = {f"{root.name}.runtime.{name}" for name in START}
    packages = {root.name, f"{root.name}.runtime"}
    return sorted(found - start - packages)


def script_closure(script: Path, modules: Sequence[str] = (), root: Path = ROOT) -> list[str]:
    """Return all library modules that a job may run: those of its script, and `modules`.

    Args:
        script: of the rule.
        modules: dotted names of what the script loads by name.
        root: the package folder.

    Raises:
        InputError: see `script_modules` and `import_closure`.
    """
    names = {*script_modules(script, root), *modules}
    return sorted(set().union(*(import_closure(name, root) for name in names)))


def script_digest(script: Path, modules: Sequence[str] = (), root: Path = ROOT) -> str:
    """Return 12 hexadecimal digits that change with the code a job runs, see `script_closure`."""
    digest = hashlib.sha256(_parsed(script).digest.encode())
    for name in script_closure(script, modules, root):
        digest.update(f"{name}\n{_facts(name, root)[0]}\n".encode())
    return digest.hexdigest()[:12]


def load_parsed(cache: Path) -> None:
    """Take what earlier calls of `keep_parsed` wrote, if anything: parsing is slow."""
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(cache.read_text(encoding="utf-8"))
        _known.update({key: Parsed(digest, imports) for key, (digest, imports) in known.items()})


def keep_parsed(cache: Path) -> None:
    """Write what is known of the files that were looked at, unless it was known before.

    Where it cannot be written, the next start takes longer.
    """
    if not _used.keys() <= _known.keys():
        part = cache.with_name(f".part-{os.getpid()}-{cache.name}")  # runs start side by side
        with contextlib.suppress(OSError):
            cache.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(_used), encoding="utf-8")
            os.replace(part, cache)


class Parsed(NamedTuple):
    """What a file's syntax tree says; JSON keeps it, with lists for tuples."""

    digest: str  # of the tree without docstrings
    imports: Sequence[Sequence]  # per statement: line, level, module or None, names


_known: dict[str, Parsed] = {}  # by the hash of a file's contents and the version of Python
_used: dict[str, Parsed] = {}


def _parsed(file: Path) -> Parsed:
    raw = file.read_bytes()
    key = hashlib.sha256(sys.version.encode() + raw).hexdigest()
    if key not in _used:
        _used[key] = _known.get(key) or _parse(file, raw)
    return _used[key]


def _parse(file: Path, raw: bytes) -> Parsed:
    try:
        tree = ast.parse(raw, str(file))
    except SyntaxError as error:
        raise InputError(
            f"{file}, line {error.lineno}: {error.msg}; correct the Python code"
        ) from error
    imports = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [(node.lineno, 0, alias.name, []) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names]
            imports.append((node.lineno, node.level, node.module, names))
    _drop_docstrings(tree)
    return Parsed(hashlib.sha256(ast.dump(tree).encode()).hexdigest(), imports)


def _source(module: str, root: Path) -> Path | None:
    """Return the file of a module of our package, or None where there is none."""
    path = root.parent.joinpath(*module.split("."))
    if module.split(".")[0] != root.name:
        return None
    candidates = (path / "__init__.py", path.with_suffix(".py"))
    return next((file for file in candidates if file.is_file()), None)


@functools.cache
def _facts(module: str, root: Path) -> tuple[str, tuple[str, ...]]:
    """Return the hash of a module's syntax tree and the modules it runs directly."""
    file = _source(module, root)
    parsed = _parsed(file)
    imports = {parent for parent in (module.rpartition(".")[0],) if parent}
    for line, level, name, names in parsed.imports:
        imports |= set(_targets((level, name, names), f"{file}, line {line}", module, file, root))
    return parsed.digest, tuple(sorted(imports))


def _targets(
    statement: tuple[int, str | None, Sequence[str]],
    place: str,
    module: str,
    file: Path,
    root: Path,
) -> Iterator[str]:
    """Yield the modules of our package that one import statement names."""
    level, base, names = statement
    if level:
        package = module.split(".") if file.name == "__init__.py" else module.split(".")[:-1]
        package = package[: len(package) - level + 1]
        base = ".".join([*package, *([base] if base else [])])
    if base.split(".")[0] != root.name:
        return
    if _source(base, root) is None:
        raise InputError(f"{place}: there is no library module {base}; correct the import")
    yield base
    for name in names:  # a submodule, or a name inside the module
        if _source(f"{base}.{name}", root) is not None:
            yield f"{base}.{name}"


def _drop_docstrings(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                del node.body[0]
