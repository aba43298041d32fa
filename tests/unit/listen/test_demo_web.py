"""The folder of the page, its server, and onnxruntime-web: fetched once, verified, or given."""

import base64
import hashlib
import http.client
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from audionas.core.errors import UserError
from audionas.core.made import LIST
from audionas.core.reporter import Reporter
from audionas.export.onnx_listeners import OnnxStream
from audionas.features import Features
from audionas.listen.exported import find
from audionas.listen.web import page, runtime
from audionas.listen.web.server import server as page_server
from tests import _wake
from tests._page import RULE, facts, served, untuned
from tests._server import Server, running
from tests.unit.cli._command import done

QUIET = Reporter(quiet=True)
FILES = {name: bytes(reversed(range(256))) * 4000 + name.encode() for name in runtime.FILES}  # 1 MB each
SUMS = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}


def archive(files: dict[str, bytes]) -> bytes:
    """A package as the registry has it; its bytes are the same every time."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in {**files, "ort.all.js": b"more"}.items():
            member = tarfile.TarInfo(f"package/dist/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def integrity(content: bytes) -> str:
    return f"sha512-{base64.b64encode(hashlib.sha512(content).digest()).decode()}"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with running(Server(archive(FILES))) as server:
        monkeypatch.setenv("npm_config_registry", f"{server.url}/npm/")
        yield server


def fetched(cache: Path, registry: Server) -> Path:
    """What the cache gives, where the archive that is served is the published one."""
    right = integrity(archive(FILES))
    return runtime.cached(cache, QUIET, integrity=right, files=SUMS)


# --- onnxruntime-web -----------------------------------------------------------------------------------


def test_runtime_is_fetched_once_and_only_what_a_page_needs_is_kept(registry: Server, tmp_path: Path) -> None:
    folder = fetched(tmp_path / "cache", registry)
    assert {f.name: f.read_bytes() for f in folder.iterdir()} == FILES
    assert [f.name for f in (tmp_path / "cache").iterdir()] == [folder.name]
    assert fetched(tmp_path / "cache", registry) == folder
    name = f"onnxruntime-web-{runtime.VERSION}.tgz"
    assert (registry.paths, registry.parts) == ([f"/npm/onnxruntime-web/-/{name}"], [None])


def test_damaged_cache_is_fetched_anew(registry: Server, tmp_path: Path) -> None:
    folder = fetched(tmp_path, registry)
    (folder / next(iter(FILES))).write_bytes(b"")
    fetched(tmp_path, registry)
    assert {f.name: f.read_bytes() for f in folder.iterdir()} == FILES
    assert len(registry.paths) == 2


def test_interrupted_download_goes_on_at_the_next_call(registry: Server, tmp_path: Path) -> None:
    registry.budget = [1_200_000, 0]
    with pytest.raises(UserError, match="1,200,000 bytes"):
        fetched(tmp_path, registry)
    fetched(tmp_path, registry)
    assert registry.parts == [None, "bytes=1200000-", "bytes=1200000-"]


def test_another_archive_is_refused_and_leaves_nothing(registry: Server, tmp_path: Path) -> None:
    registry.content = archive({**FILES, "ort.wasm.bundle.min.mjs": b"not this"})
    with pytest.raises(UserError, match="integrity is sha512-") as caught:
        fetched(tmp_path, registry)
    assert "same command again" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_archive_whose_members_escape_is_refused(registry: Server, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("package/../../out.js"), io.BytesIO(b""))
    registry.content = packed.getvalue()
    right = integrity(registry.content)
    with pytest.raises(UserError, match="outside its folder"):
        runtime.cached(tmp_path / "cache", QUIET, integrity=right, files=SUMS)
    assert list((tmp_path / "cache").iterdir()) == []


def test_runtime_may_be_a_folder_of_ones_own(tmp_path: Path) -> None:
    given(tmp_path / "dist")
    assert runtime.runtime(tmp_path / "dist", QUIET) == tmp_path / "dist"
    assert runtime.runtime(tmp_path, QUIET) == tmp_path / "dist"
    (tmp_path / "dist" / "ort-wasm-simd-threaded.wasm").unlink()
    with pytest.raises(UserError, match=r"has no ort\.wasm\.bundle\.min\.mjs and no ort-wasm") as caught:
        runtime.runtime(tmp_path, QUIET)
    assert "--runtime" in caught.value.hint


def given(folder: Path) -> Path:
    """A folder as --runtime takes it; nothing in it runs."""
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    return folder


# --- the folder ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(made_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(made_run, tmp_path_factory.mktemp("web") / "made")


def test_folder_is_whole_and_describes_the_model(run: Path, tmp_path: Path) -> None:
    web = page.write(run, QUIET, runtime=given(tmp_path / "dist"))
    static = {f.name for f in Path(page.__file__).with_name("static").iterdir()}
    assert {f.name for f in web.iterdir()} == {*static, "model.json", "model.stream.onnx", "ort"}
    assert {f.name for f in (web / "ort").iterdir()} == set(FILES)
    stream = OnnxStream(run / "export" / "model.stream.onnx")
    told = facts(web)
    assert (told["labels"], told["hop"]) == (list(stream.labels), stream.hop)
    assert (told["sample_rate"], told["warm_up"]) == (16000, stream.warm_up)
    assert told["tail"] == 8000
    assert told["input"] == {"name": "samples", "shape": [1, stream.hop]}
    assert [(s["name"], s["shape"]) for s in told["states"]] == [(i.name, i.shape) for i in stream.inputs[1:]]
    (keyword,) = told["keywords"]
    assert (keyword["name"], keyword["column"]) == ("word", 0)
    note = find(run).bundle.note["detect"]["model.stream.onnx"]
    assert keyword["threshold"] == note["words"]["word"]["threshold"]
    assert told["thresholds_from"] == "audionas tune"
    assert told["rule"]["gap"] == RULE.gap(stream.hop / 16000)
    assert (told["rule"]["smooth"], told["rule"]["patience"]) == (2, [2, 3])
    (run / LIST).unlink()  # as an earlier version leaves it
    assert page.write(run, QUIET, runtime=given(tmp_path / "again")) == web


def test_a_page_that_is_not_ours_is_not_replaced(run: Path, tmp_path: Path) -> None:
    other = shutil.copytree(run, tmp_path / "other", ignore=shutil.ignore_patterns("web", LIST))
    (other / "web").mkdir()
    (other / "web" / "index.html").write_text("mine")
    with pytest.raises(UserError, match=r"index\.html: not made by audionas"):
        page.write(other, QUIET, runtime=given(tmp_path / "dist"))
    assert [file.name for file in (other / "web").iterdir()] == ["index.html"]


def test_page_asks_nobody_else() -> None:
    """No file of the page names an address, so that it works offline."""
    for file in Path(page.__file__).with_name("static").iterdir():
        assert not re.search(r"(?:https?:)?//[\w-]+\.\w", file.read_text(encoding="utf-8")), file


def test_untuned_model_says_so(run: Path, tmp_path: Path) -> None:
    folder = untuned(run, tmp_path / "other")
    told = page.described(find(folder))
    assert (told["keywords"][0]["threshold"], told["thresholds_from"]) == (0.5, "not tuned, so 0.5")
    assert not told["tuned"]
    assert page.described(find(run))["tuned"]


@pytest.mark.story
def test_stream_of_frames_is_refused(run: Path, tmp_path: Path) -> None:
    from audionas.export import onnx_stream

    folder = shutil.copytree(run, tmp_path / "frames")
    found = find(folder)
    onnx_stream.export(found.bundle, found.file, input="frames")
    with pytest.raises(UserError, match="takes frames") as caught:
        page.write(folder, QUIET)
    assert "--target onnx-stream" in caught.value.hint


@pytest.mark.parametrize("labels", [None, ["_a", "_other_"]])
def test_what_cannot_be_exported_is_refused_before_a_word_about_exporting(
    run: Path, tmp_path: Path, labels: list[str] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder without a model, and a model without a keyword."""
    folder = tmp_path / "none"
    if labels:
        shutil.copytree(run / "model", folder / "model")
        about = folder / "model" / "bundle.json"
        plain = json.loads(about.read_text(encoding="utf-8"))
        about.write_text(json.dumps({**plain, "labels": labels}), encoding="utf-8")
    with pytest.raises(UserError, match="none of its labels is" if labels else "no trained model here"):
        page.missing(folder)
    assert capsys.readouterr().err == ""
    assert not (folder / "export").exists()


@pytest.mark.story
def test_command_exports_the_file_where_it_is_missing(run: Path, tmp_path: Path) -> None:
    folder = untuned(run, tmp_path / "fresh")
    (folder / "export" / "model.stream.onnx").unlink()
    words = ("demo-web", folder, "--runtime", given(tmp_path / "dist"), "--no-serve")
    first, second = done(*words), done(*words)
    assert "exporting model.stream.onnx first" in first.err
    assert "exporting" not in second.err
    assert (folder / "web" / "model.stream.onnx").read_bytes() == (
        folder / "export" / "model.stream.onnx"
    ).read_bytes()


@pytest.mark.story
def test_command_exports_frames_for_the_front_end_that_the_page_computes(tmp_path: Path) -> None:
    pytest.importorskip("pymicro_features", reason="needs the extra device")
    folder = _wake.trained(tmp_path / "device", Features(name="micro", preset="esphome"), clips=32, steps=1)
    assert page.missing(folder) == "frames"
    told = done("demo-web", folder, "--runtime", given(tmp_path / "dist"), "--no-serve")
    assert "exporting model.stream.onnx first" in told.err
    stream = OnnxStream(folder / "export" / "model.stream.onnx", find(folder).bundle)
    name, shape = facts(folder / "web")["input"].values()
    assert (name, shape[:3], stream.hop) == ("frames", [1, 1, 40], 160 * shape[3])
    assert page.missing(folder) is None


# --- the server ------------------------------------------------------------------------------------------

TYPES = {
    "index.html": "text/html; charset=utf-8",
    "app.js": "text/javascript",
    "ort/a.mjs": "text/javascript",
    "ort/a.wasm": "application/wasm",
    "style.css": "text/css",
    "model.json": "application/json",
    "model.stream.onnx": "application/octet-stream",
    "a.wav": "audio/wav",
}


def answer(address: str, path: str) -> tuple[int, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection(address.removeprefix("http://"))
    connection.request("GET", path)
    reply = connection.getresponse()
    reply.read()
    connection.close()
    return reply.status, reply.headers


def test_server_gives_types_and_isolates(tmp_path: Path) -> None:
    (tmp_path / "in" / "ort").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("no", encoding="utf-8")
    for name in TYPES:
        (tmp_path / "in" / name).write_bytes(b"x")
    with served(tmp_path / "in") as address:
        for name, kind in TYPES.items():
            status, headers = answer(address, f"/{name}?file=a.wav")
            assert (status, headers["Content-Type"]) == (200, kind)
            assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
            assert headers["X-Content-Type-Options"] == "nosniff"
        assert answer(address, "/")[1]["Content-Type"] == TYPES["index.html"]
        for path in ("/ort/", "/none", "/../secret.txt", "/%2e%2e/secret.txt"):
            assert answer(address, path)[0] == 404


def test_taken_port_is_told(tmp_path: Path) -> None:
    with page_server(tmp_path) as taken, pytest.raises(UserError, match="cannot be used") as caught:
        page_server(tmp_path, taken.server_port)
    assert "--port 0" in caught.value.hint


@pytest.mark.story
def test_ctrl_c_ends_the_server_cleanly(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from audionas.core.reporter import Reporter;"
        "from audionas.listen.web.server import serve; serve(Path(sys.argv[1]), Reporter())"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    heeded = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # what runs in the background ignores it
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=environment, preexec_fn=heeded
    ) as server:
        assert server.stderr is not None
        first = server.stderr.readline()
        address = re.search(r"http://localhost:\d+", first)
        assert address, first + server.stderr.read()
        assert answer(address[0], "/none")[0] == 404  # it runs
        server.send_signal(signal.SIGINT)
        assert server.communicate(timeout=60)[1].strip() == "stopped"
    assert server.returncode == 0
