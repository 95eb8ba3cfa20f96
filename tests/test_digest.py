"""The import closure and its digest: what changes a hash and what does not."""

from pathlib import Path

import pytest

from ohlora_lib.errors import InputError
from ohlora_lib.runtime import digest
from ohlora_lib.runtime.digest import (
    import_closure,
    keep_parsed,
    load_parsed,
    script_closure,
    script_digest,
    script_modules,
)

FILES = {
    "__init__.py": "",
    "errors.py": "class E(Exception):\n    pass\n",
    "store/__init__.py": "",
    "store/tables.py": "import json\nfrom pkg.errors import E\n",
    "scores/__init__.py": '"""Scores."""\n',
    "scores/common.py": "LIMIT = 3\n",
    "scores/eyes.py": "from . import common\nfrom ..store import tables\n",
    "scores/mouth.py": "def f():\n    from .common import LIMIT\n    return LIMIT\n",
    "reporting/__init__.py": "",
    "reporting/page.py": "import pkg.scores.eyes as eyes\n",
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    root = tmp_path / "pkg"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    digest._facts.cache_clear()
    return root


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A script that imports nothing of ours; `modules` says what it loads."""
    path = tmp_path / "script.py"
    path.write_text("print(1)\n")
    return path


def edit(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text(text)
    digest._facts.cache_clear()


def test_closure_follows_every_form_of_import(package):
    eyes = [
        "pkg",
        "pkg.errors",
        "pkg.scores",
        "pkg.scores.common",
        "pkg.scores.eyes",
        "pkg.store",
        "pkg.store.tables",
    ]
    assert import_closure("pkg.scores.eyes", package) == eyes
    assert import_closure("pkg.scores.mouth", package) == [
        "pkg",
        "pkg.scores",
        "pkg.scores.common",
        "pkg.scores.mouth",
    ]
    assert set(import_closure("pkg.reporting.page", package)) == {
        *eyes,
        "pkg.reporting",
        "pkg.reporting.page",
    }


def test_circular_imports_end(package):
    edit(package, "scores/common.py", "from pkg.scores import eyes\n")
    assert "pkg.scores.eyes" in import_closure("pkg.scores.common", package)


@pytest.mark.parametrize(
    ("name", "text", "changed"),
    [
        ("scores/eyes.py", FILES["scores/eyes.py"] + "x = 1\n", {"eyes", "page"}),
        ("scores/common.py", "LIMIT = 4\n", {"eyes", "mouth", "page"}),
        ("store/tables.py", FILES["store/tables.py"] + "y = 2\n", {"eyes", "page"}),
        ("scores/__init__.py", '"""Scores."""\nz = 3\n', {"eyes", "mouth", "page"}),
        ("reporting/page.py", "import pkg.scores.eyes\n", {"page"}),
        ("scores/common.py", '"""A docstring."""\n\n# and a comment\nLIMIT   =   3\n', set()),
        (
            "scores/mouth.py",
            'def f():\n    """Say."""\n    from .common import LIMIT\n    return LIMIT  # so\n',
            set(),
        ),
    ],
)
def test_digest_changes_with_the_code_only(package, script, name, text, changed):
    modules = {"eyes": "pkg.scores.eyes", "mouth": "pkg.scores.mouth", "page": "pkg.reporting.page"}
    before = {key: script_digest(script, [module], package) for key, module in modules.items()}
    edit(package, name, text)
    after = {key: script_digest(script, [module], package) for key, module in modules.items()}
    assert {key for key in modules if before[key] != after[key]} == changed


def test_the_digest_changes_with_the_code_of_the_script(package, script):
    before = script_digest(script, ["pkg.scores.eyes"], package)
    script.write_text('"""Print."""\n# so\nprint(1)\n')
    assert script_digest(script, ["pkg.scores.eyes"], package) == before
    script.write_text("print(2)\n")
    assert script_digest(script, ["pkg.scores.eyes"], package) != before
    script.write_text("def (\n")
    with pytest.raises(InputError, match=r"script\.py, line 1"):
        script_digest(script, [], package)


def test_a_script_says_itself_what_it_runs(package, script):
    edit(package, "runtime/__init__.py", "")
    edit(package, "runtime/jobs.py", "import pkg.scores.eyes\n")
    script.write_text(
        "from pkg.runtime.jobs import start_job\n"
        "start_job()\n"
        "from pkg.scores.mouth import f\n"
        "import json, pkg.store.tables\n"
    )
    # how a job starts changes no result
    assert script_modules(script, package) == ["pkg.scores.mouth", "pkg.store.tables"]
    closure = script_closure(script, (), package)
    assert "pkg.scores.common" in closure and "pkg.errors" in closure
    assert "pkg.scores.eyes" not in closure
    assert "pkg.scores.eyes" in script_closure(script, ["pkg.scores.eyes"], package)
    script.write_text("\nfrom pkg.scores.nose import f\n")
    with pytest.raises(InputError, match=r"script\.py, line 2: there is no library module"):
        script_digest(script, [], package)


def test_what_was_parsed_is_kept_and_found_by_content(package, script, tmp_path, monkeypatch):
    def forget() -> None:
        for memory in (digest._known, digest._used):
            memory.clear()
        digest._facts.cache_clear()

    forget()
    cache = tmp_path / "parsed.json"
    load_parsed(cache)  # not there yet
    before = script_digest(script, ["pkg.reporting.page"], package)
    keep_parsed(cache)
    forget()
    with monkeypatch.context() as patch:
        patch.setattr(digest.ast, "parse", lambda *_: pytest.fail("parsed again"))
        load_parsed(cache)
        assert script_digest(script, ["pkg.reporting.page"], package) == before
        written = cache.stat().st_mtime_ns
        keep_parsed(cache)
        assert cache.stat().st_mtime_ns == written
    forget()
    load_parsed(cache)
    edit(package, "scores/common.py", "LIMIT = 4\n")
    assert script_digest(script, ["pkg.reporting.page"], package) != before
    forget()
    cache.write_text("[")
    load_parsed(cache)
    assert digest._known == {}


def test_several_modules_in_any_order(package, script):
    both = script_digest(script, ["pkg.scores.eyes", "pkg.scores.mouth"], package)
    assert both == script_digest(script, ["pkg.scores.mouth", "pkg.scores.eyes"], package)
    assert both != script_digest(script, ["pkg.scores.eyes"], package)
    assert len(both) == 12


def test_errors(package):
    for name in ("pkg.scores.nose", "json", "pkg.scores.eyes.f"):
        with pytest.raises(InputError, match=f"no library module {name}"):
            import_closure(name, package)
    edit(package, "scores/common.py", "\nfrom pkg.nowhere import x\n")
    with pytest.raises(
        InputError, match=r"common\.py, line 2: there is no library module pkg\.nowhere"
    ):
        import_closure("pkg.scores.eyes", package)
    edit(package, "scores/common.py", "def (\n")
    with pytest.raises(InputError, match=r"common\.py, line 1"):
        import_closure("pkg.scores.eyes", package)


def test_own_package():
    assert import_closure("ohlora_lib.runtime.digest") == [
        "ohlora_lib",
        "ohlora_lib.errors",
        "ohlora_lib.runtime",
        "ohlora_lib.runtime.digest",
    ]
