"""Downloads of weights, from files and from a server that is as bad as real ones; the commands."""

import contextlib
import hashlib
import http.server
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from click.testing import CliRunner

from ohlora_lib.cli import main
from ohlora_lib.errors import InputError
from ohlora_lib.store.checkpoints import read_checkpoint
from ohlora_lib.weights.fetch import fetch

SMALL = Path(__file__).parent / "fixtures/stylegan/res32_label0.pth"
CONTENT = np.random.default_rng(0).bytes(5 << 20)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """What a test's server does, and what it was asked."""

    url: str = ""
    content: bytes = CONTENT
    kind: str = "application/octet-stream"
    tag: str | None = '"one"'
    cut_after: int | None = None  # bytes of an answer, then the connection ends
    ranges: bool = True
    shift: int = 0  # by how many bytes a part begins elsewhere than requested
    status: int = 200
    asked: list[str | None] = field(default_factory=list)  # the Range of every request


@pytest.fixture
def server() -> Iterator[Server]:
    about = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            wanted = self.headers.get("Range")
            about.asked.append(wanted)
            if about.status != 200:
                self.send_error(about.status)
                return
            start = int(re.match(r"bytes=(\d+)-", wanted)[1]) if wanted and about.ranges else 0
            if self.headers.get("If-Range") not in (None, about.tag):
                start = 0
            if start and start >= len(about.content):
                self.send_error(416)
                return
            body = about.content[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Type", about.kind)
            self.send_header("Content-Length", str(len(body)))
            if start:
                shift = start + about.shift
                self.send_header("Content-Range", f"bytes {shift}-{shift + len(body) - 1}/*")
            if about.tag:
                self.send_header("ETag", about.tag)
            self.end_headers()
            if about.cut_after is not None:
                body = body[: about.cut_after]
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body)
            self.close_connection = True

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        about.url = f"http://127.0.0.1:{running.server_address[1]}/model.pth"
        yield about
        running.shutdown()
        thread.join()


def refusal(*arguments, **options) -> str:
    with pytest.raises(InputError) as info:
        fetch(*arguments, **options)
    assert "\n" not in str(info.value)
    return str(info.value)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_on_this_machine_is_copied(tmp_path):
    path = tmp_path / "downloads/one/small.pth"
    fetch(SMALL.as_uri(), path, SMALL.stat().st_size)
    assert path.read_bytes() == SMALL.read_bytes() and names(path.parent) == {"small.pth"}
    text = refusal((tmp_path / "no.pth").as_uri(), tmp_path / "x.pth")
    assert "cannot be downloaded" in text and "No such file" in text


def test_a_download_that_breaks_off_goes_on_by_itself(server, tmp_path):
    server.cut_after = 2 << 20
    path = tmp_path / "model.pth"
    fetch(server.url, path, len(CONTENT), DIGEST, pause=0)
    assert path.read_bytes() == CONTENT and names(tmp_path) == {"model.pth"}
    assert server.asked == [None, f"bytes={2 << 20}-", f"bytes={4 << 20}-"]


def test_a_later_call_goes_on_where_an_earlier_one_ended(server, tmp_path):
    server.cut_after = 3 << 20
    path = tmp_path / "model.pth"
    text = refusal(server.url, path, attempts=1)
    assert f"goes on after the {3 << 20} bytes" in text and not path.exists()
    server.cut_after = None
    fetch(server.url, path, len(CONTENT), DIGEST)
    assert path.read_bytes() == CONTENT and server.asked[-1] == f"bytes={3 << 20}-"
    fetch(server.url, path, len(CONTENT), DIGEST)  # here already: nothing is asked
    assert len(server.asked) == 2 and names(tmp_path) == {"model.pth"}


@pytest.mark.parametrize("change", [{"tag": '"two"'}, {"ranges": False}])
def test_a_file_that_changed_or_cannot_be_resumed_is_fetched_whole(server, tmp_path, change):
    server.cut_after = 3 << 20
    path = tmp_path / "model.pth"
    refusal(server.url, path, attempts=1)
    server.cut_after, server.content = None, CONTENT[::-1]
    for key, value in change.items():
        setattr(server, key, value)
    fetch(server.url, path, pause=0)
    assert path.read_bytes() == CONTENT[::-1]


def test_without_a_mark_of_its_version_a_part_is_not_gone_on_with(server, tmp_path):
    server.tag, server.cut_after = None, 3 << 20
    path = tmp_path / "model.pth"
    refusal(server.url, path, attempts=1)
    server.cut_after = None
    fetch(server.url, path)
    assert path.read_bytes() == CONTENT and server.asked == [None, None]


def test_another_part_than_asked_for_is_not_joined(server, tmp_path):
    server.cut_after, server.shift = 3 << 20, 1
    path = tmp_path / "model.pth"
    refusal(server.url, path, attempts=1)
    server.cut_after = None
    fetch(server.url, path, sha256=DIGEST, pause=0)
    assert server.asked == [None, f"bytes={3 << 20}-", None]


def test_more_than_the_server_has_starts_over(server, tmp_path):
    (tmp_path / "model.pth.part").write_bytes(CONTENT + b"more")
    (tmp_path / "model.pth.part.version").write_text('"one"')
    fetch(server.url, tmp_path / "model.pth", sha256=DIGEST, pause=0)
    assert names(tmp_path) == {"model.pth"}


def test_a_wrong_checksum_is_refused_and_the_file_set_aside(server, tmp_path):
    path = tmp_path / "model.pth"
    text = refusal(server.url, path, sha256="0" * 64)
    assert f"{path}.rejected has the SHA-256 {DIGEST}" in text
    assert names(tmp_path) == {"model.pth.rejected"}
    path.write_bytes(b"PK other")  # also where a person has put it
    assert f"{path} has the SHA-256" in refusal(server.url, path, sha256=DIGEST)


def test_a_wrong_size_is_refused_before_the_download(server, tmp_path):
    text = refusal(server.url, tmp_path / "model.pth", size=7)
    assert f"has {len(CONTENT)} bytes where 7 are known" in text and not names(tmp_path)


def test_web_pages_are_refused(server, tmp_path):
    server.content, server.kind = b"<!DOCTYPE html><html>Sign in</html>", "text/html; charset=x"
    path = tmp_path / "model.pth"
    assert "leads to a web page (HTML)" in refusal(server.url, path)
    assert not names(tmp_path)
    server.kind = "application/octet-stream"  # what some share pages say of theirs
    assert "is a web page (HTML)" in refusal(server.url, path)
    assert not path.exists()


def test_a_refusal_of_the_server_is_said_and_not_repeated(server, tmp_path):
    server.status = 403
    assert "HTTP 403" in refusal(server.url, tmp_path / "model.pth", pause=0)
    assert len(server.asked) == 1
    server.status = 503
    assert "HTTP 503" in refusal(server.url, tmp_path / "model.pth", attempts=3, pause=0)
    assert len(server.asked) == 4
    server.status = 429
    assert "HTTP 429" in refusal(server.url, tmp_path / "model.pth", attempts=3, pause=0)
    assert len(server.asked) == 7


# ---- commands


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """Return a folder whose registry has one file on this machine and one that a person fetches."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "source").mkdir()
    (tmp_path / "source/small.pth").write_bytes(SMALL.read_bytes())
    parts = {
        "generator": {"layout": "stylegan_generator", "key": "generator_smooth"},
        "discriminator": {"layout": "stylegan_discriminator", "key": "discriminator"},
    }
    texts = {"title": "t", "licence": "MIT", "page": "https://example.org"}
    file = {"makes": parts, "bytes": SMALL.stat().st_size}
    registry = {
        "small": {
            **texts,
            "manual": "copy {file}",
            "url": (tmp_path / "source/{file}").as_uri().replace("%7B", "{").replace("%7D", "}"),
            "files": {"small.pth": file},
        },
        "shared": {
            **texts,
            "manual": "open {page} and click",
            "files": {"a.pth": {"makes": {"generator": parts["generator"]}}},
        },
    }
    (tmp_path / "weights.yaml").write_text(yaml.safe_dump(registry, sort_keys=False))
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    found = CliRunner().invoke(main, ["weights", "--registry", "weights.yaml", *arguments])
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    return found.exit_code, found.output


def states() -> dict[str, str]:
    lines = run("list")[1].splitlines()
    return dict(line.split(maxsplit=1) for line in lines if not line.startswith(" "))


def test_from_missing_to_imported(project):
    assert states() == {"small": "missing", "shared": "missing"}
    assert run("fetch", "small")[0] == 0 and states()["small"] == "downloaded"
    code, text = run("import", "small")
    assert code == 0 and "weights/small/generator.safetensors: imported" in text
    assert states() == {"small": "imported", "shared": "missing"}
    assert read_checkpoint("weights/small/discriminator.safetensors").kind
    code, text = run("verify")
    assert code == 0 and "not known to be right" in text and text.count("good") == 2


def test_what_a_person_has_to_do_is_said(project):
    for action in ("fetch", "import", "verify"):
        code, text = run(action, "shared")
        assert code == 1, action
        assert "open https://example.org and click and put it at weights/downloads/shared/" in text
    assert (
        run("import", "small")[0] == 1 and "ohlora weights fetch small" in run("import", "small")[1]
    )
    assert "no weights named 'smal'; did you mean 'small'?" in run("fetch", "smal")[1]
    assert run("fetch")[0] == 2  # names are required


def test_all_that_is_missing_is_said_at_once_and_the_rest_is_fetched(project):
    code, text = run("import", "shared", "small")
    assert code == 1 and "Traceback" not in text
    assert [line.split(" is missing; ")[0] for line in text.splitlines()] == [
        "error: weights/downloads/shared/a.pth",
        "error: weights/downloads/small/small.pth",
    ]
    code, text = run("fetch", "shared", "small")
    assert code == 1 and "error: weights/downloads/shared/a.pth is missing" in text
    assert "weights/downloads/small/small.pth: here" in text


def test_verify_says_where_there_is_nothing_to_verify(project):
    code, text = run("verify")
    assert code == 0 and text.startswith("none of these files is here")


def test_the_list_names_layouts_and_checksums(project):
    text = run("list")[1]
    assert "holds stylegan_discriminator, stylegan_generator; SHA-256 not known" in text


def test_wrong_files_are_found(project):
    run("fetch", "small")
    run("import", "small")
    path = project / "weights/downloads/small/small.pth"
    path.write_bytes(path.read_bytes()[:-10])
    assert states()["small"] == "wrong"
    code, text = run("verify", "small")
    assert code == 1 and "bytes where the published file has" in text
    code, text = run("import", "small")
    assert code == 1 and "bytes where the published file has" in text
    weights = torch.load(SMALL, weights_only=True)
    weights["generator_smooth"]["synthesis.lod"] += 0
    raw = bytearray(SMALL.read_bytes())
    raw[-30] ^= 1
    path.write_bytes(raw)  # of the right size
    code, text = run("verify", "small")
    assert code == 1 and "was made from another file; import it again" in text


def test_a_failed_import_leaves_the_older_one(project):
    run("fetch", "small")
    run("import", "small")
    product = project / "weights/small/generator.safetensors"
    before = product.read_bytes()
    registry = yaml.safe_load((project / "weights.yaml").read_text())
    registry["small"]["files"]["small.pth"]["makes"]["generator"]["config"] = {"resolution": 256}
    (project / "weights.yaml").write_text(json.dumps(registry))
    code, text = run("import", "small")
    assert code == 1 and "it has resolution 32, not 256" in text
    assert product.read_bytes() == before
    assert names(product.parent) == {"generator.safetensors", "discriminator.safetensors"}
