"""A stand-in for the Hugging Face hub's API, for the library huggingface_hub: repositories in memory.

It answers what the library asks to create a repository, to upload files in a commit (safetensors and ONNX by
LFS; today the hub prefers Xet, which the tests switch off) and to download a snapshot. What else is asked is
404, and a wrong token 401.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

TOKEN = "hf_of_the_tests"
LARGE = (".safetensors", ".onnx", ".tflite", ".npz")


@dataclass
class Hub:
    """The state: commits of each repository as files by name, objects by SHA-256, requests as they came."""

    url: str = ""
    repos: dict[str, list[tuple[str, dict[str, bytes]]]] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def files(self, repo: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """Commit and files of a branch or of a commit."""
        commits = self.repos[repo]
        if revision == "main":
            return commits[-1] if commits else ("0" * 40, {})
        return next((each for each in commits if each[0] == revision), None)

    def commit(self, repo: str, files: dict[str, bytes]) -> str:
        """Add files to a repository's last commit."""
        before = self.repos[repo][-1][1] if self.repos[repo] else {}
        whole = {**before, **files}
        told = json.dumps({name: hashlib.sha1(raw).hexdigest() for name, raw in sorted(whole.items())})
        name = hashlib.sha1(f"{len(self.repos[repo])} {told}".encode()).hexdigest()
        self.repos[repo].append((name, whole))
        return name


@contextmanager
def served() -> Iterator[Hub]:
    """A hub on a free port of this machine."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("GET")

        def do_HEAD(self) -> None:
            self._answer("HEAD")

        def do_POST(self) -> None:
            self._answer("POST")

        def do_PUT(self) -> None:
            self._answer("PUT")

        def log_message(self, *_: Any) -> None:
            pass

        def _answer(self, verb: str) -> None:
            path = unquote(urlsplit(self.path).path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            hub.asked.append(f"{verb} {path}")
            writes = verb in ("POST", "PUT") and not path.startswith("/objects/")
            if writes and self.headers.get("Authorization") != f"Bearer {TOKEN}":
                return self._send(401, {"error": "Invalid credentials"})
            return self._send(*_answer(hub, verb, path, body))

        def _send(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
            raw = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            for name, text in {"Content-Length": str(len(raw)), **(headers or {})}.items():
                self.send_header(name, text)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(raw)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


Answer = tuple[int, Any] | tuple[int, Any, dict[str, str]]


def _answer(hub: Hub, verb: str, path: str, body: bytes) -> Answer:
    """Status, body and headers of an answer."""
    if path == "/api/repos/create":
        told = json.loads(body)
        name = "/".join(part for part in (told.get("organization") or "anna", told["name"]) if part)
        if name in hub.repos:
            return 409, {"error": "exists", "url": f"{hub.url}/{name}"}
        hub.repos[name] = []
        return 200, {"url": f"{hub.url}/{name}", "id": name}
    if path == "/api/validate-yaml":
        facts = yaml.safe_load(json.loads(body)["content"].split("---\n")[1])
        return 200, {"errors": [] if facts.get("license") else [{"message": "no license"}], "warnings": []}
    if found := re.fullmatch(r"/objects/(\w+)", path):
        hub.objects[found[1]] = body
        return 200, b""
    if found := re.fullmatch(r"/(.+?/.+?)\.git/info/lfs/objects/batch", path):
        return _batch(hub, json.loads(body))
    if (
        not (found := re.fullmatch(r"/(?:api/models/)?([^/]+/[^/]+)(?:/(.*))?", path))
        or found[1] not in hub.repos
    ):
        return 404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"}
    repo, rest = found[1], found[2] or "revision/main"
    if rest.startswith("preupload/"):
        files = [
            {
                "path": f["path"],
                "uploadMode": "lfs" if f["path"].endswith(LARGE) else "regular",
                "shouldIgnore": False,
            }
            for f in json.loads(body)["files"]
        ]
        return 200, {"files": files}
    if rest.startswith("commit/") and verb == "POST":
        name = hub.commit(repo, dict(_added(hub, body)))
        return 200, {"commitUrl": f"{hub.url}/{repo}/commit/{name}", "commitOid": name, "hookOutput": ""}
    kind, _, more = rest.partition("/")
    revision, _, file = more.partition("/")
    if (at := hub.files(repo, revision)) is None:
        return 404, {"error": "Revision not found"}, {"X-Error-Code": "RevisionNotFound"}
    name, files = at
    if kind == "revision":
        siblings = [{"rfilename": each, "size": len(raw)} for each, raw in files.items()]
        return 200, {
            "id": repo,
            "modelId": repo,
            "sha": name,
            "siblings": siblings,
            "private": False,
            "tags": [],
        }
    if kind == "tree":
        rows = [
            {"type": "file", "path": each, "size": len(raw), "oid": hashlib.sha1(raw).hexdigest()}
            for each, raw in files.items()
        ]
        return 200, rows
    if kind == "resolve" and file in files:
        tag = hashlib.sha256(files[file]).hexdigest()
        return 200, files[file], {"ETag": f'"{tag}"', "X-Repo-Commit": name}
    return 404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"}


def _batch(hub: Hub, told: dict[str, Any]) -> Answer:
    objects = [
        {**each, "actions": {"upload": {"href": f"{hub.url}/objects/{each['oid']}"}}}
        for each in told["objects"]
    ]
    return 200, {"transfer": "basic", "objects": objects}


def _added(hub: Hub, body: bytes) -> Iterator[tuple[str, bytes]]:
    """The files of a commit."""
    for line in body.splitlines():
        told = json.loads(line)
        value = told["value"]
        if told["key"] == "file":
            yield value["path"], base64.b64decode(value["content"])
        elif told["key"] == "lfsFile":
            raw = hub.objects[value["oid"]]
            assert hashlib.sha256(raw).hexdigest() == value["oid"]
            yield value["path"], raw
