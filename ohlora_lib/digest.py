"""Which library modules a job depends on, and a hash of what they do.

Snakemake does not track imported code; a rule that carries `code_digest("ohlora_lib.the.module")`
as a param reruns when that module or anything it imports changes, and not when a comment or
docstring does.
"""

import ast
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

from ohlora_lib.errors import InputError

ROOT = Path(__file__).parent  # the package folder; its parent is where module names start


def import_closure(module: str, root: Path = ROOT) -> list[str]:
    """Return the modules of our package that importing `module` runs, itself included.

    Import statements are read from the source, also those inside functions; modules named only in a
    string (`importlib.import_module`) are not seen and must be given to `code_digest` beside the
    module that loads them.
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
            f"there is no library module {module}; correct the name in code_digest(...)"
        )
    closure: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in closure:
            closure.add(name)
            waiting += _facts(name, root)[1]
    return sorted(closure)


def code_digest(*modules: str, root: Path = ROOT) -> str:
    """Return 12 hexadecimal digits that change with the code of `modules` or of what they import.

    Comments, docstrings and layout do not count. The Python version does, as the hash is of its
    syntax trees.

    Args:
        modules: dotted names, at least one; their order does not matter.
        root: the package folder.

    Raises:
        ValueError: no module is given.
        InputError: see `import_closure`.
    """
    if not modules:
        raise ValueError("code_digest needs at least one module")
    closure = set().union(*(import_closure(module, root) for module in modules))
    digest = hashlib.sha256()
    for name in sorted(closure):
        digest.update(f"{name}\n{_facts(name, root)[0]}\n".encode())
    return digest.hexdigest()[:12]


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
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
    except SyntaxError as error:
        raise InputError(
            f"{file}, line {error.lineno}: {error.msg}; correct the Python code"
        ) from error
    imports = {parent for parent in (module.rpartition(".")[0],) if parent}
    for node in ast.walk(tree):
        for name in _targets(node, module, file, root):
            imports.add(name)
    _drop_docstrings(tree)
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), tuple(sorted(imports))


def _targets(node: ast.AST, module: str, file: Path, root: Path) -> Iterator[str]:
    """Yield the modules of our package that one import statement names."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name.split(".")[0] == root.name:
                yield _existing(alias.name, node, file, root)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            package = module.split(".") if file.name == "__init__.py" else module.split(".")[:-1]
            package = package[: len(package) - node.level + 1]
            base = ".".join([*package, *([node.module] if node.module else [])])
        if base.split(".")[0] != root.name:
            return
        yield _existing(base, node, file, root)
        for alias in node.names:  # a submodule, or a name inside the module
            if _source(f"{base}.{alias.name}", root) is not None:
                yield f"{base}.{alias.name}"


def _existing(module: str, node: ast.AST, file: Path, root: Path) -> str:
    if _source(module, root) is None:
        raise InputError(
            f"{file}, line {node.lineno}: there is no library module {module}; correct the import"
        )
    return module


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
