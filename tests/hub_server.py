"""A Hugging Face Hub on loopback, which implements the Hub's HTTP API for the real client.

Repositories are kept in memory as commits of whole trees. Large files are uploaded by LFS and
downloaded from another origin by redirect, as from the Hub's CDN. Every network fault has a switch.
"""

import hashlib
import json
import re
from base64 import b64decode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from threading import Event, Lock, Thread
from urllib.parse import unquote, urlsplit

LARGE = (".safetensors", ".png", ".bin")
TOKEN = "hf_writer"


class File(bytes):
    """The content of a file."""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self).hexdigest()

    @property
    def blob(self) -> str:
        return hashlib.sha1(b"blob %d\0%s" % (len(self), self)).hexdigest()


@dataclass
class Repository:
    """Branches, tags and pull requests point to commits, commits are whole trees."""

    private: bool = False
    gated: bool = False
    commits: dict[str, dict[str, File]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    pull_requests: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, File], branch: str = "main") -> str:
        seed = repr((sorted(self.commits), branch, [(k, v.sha256) for k, v in files.items()]))
        sha = hashlib.sha1(seed.encode()).hexdigest()
        self.commits[sha], self.branches[branch] = dict(files), sha
        return sha

    def resolve(self, revision: str) -> str | None:
        names = self.branches | self.tags | self.pull_requests
        return names.get(revision, revision if revision in self.commits else None)


@dataclass
class Faults:
    """The switches. Each of `statuses` is the response to one request whose path matches."""

    statuses: list[tuple[str, int]] = field(default_factory=list)  # ("HEAD .*README", 429), ...
    cut_after: int | None = None  # bytes of the next long answer, then the connection breaks
    swapped: dict[str, bytes] = field(default_factory=dict)  # served instead, by name
    claimed: dict[str, int] = field(default_factory=dict)  # sizes in the headers of files, by name
    commit: str = ""  # in the headers instead of the true one
    slow: float = 0.0  # seconds before a large file comes
    silent: float = 0.0  # seconds before any answer
    whole: bool = False  # the answer to who asks for a part of a large file
    encoding: str = ""  # in the header of a large file


class Hub:
    """The server and its contents; `requests` lists the requests, as "GET /path"."""

    def __init__(self) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.server.hub = self  # type: ignore[attr-defined]
        self.connections: set[socket] = set()
        self.reset()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def reset(self) -> None:
        """An empty Hub that works."""
        self.repositories: dict[str, Repository] = {}
        self.objects: dict[str, File] = {}
        self.tokens = {TOKEN: True}  # may it write?
        self.faults, self.requests, self.lock = Faults(), [], Lock()
        self.sent: dict[str, dict[str, str]] = {}  # the headers of the last request to each path

    def start(self) -> None:
        Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Close connections, and reject new ones."""
        self.server.shutdown()
        self.server.server_close()
        for connection in list(self.connections):
            connection.shutdown(SHUT_RDWR)

    def restart(self) -> None:
        """Listen again, at the same address."""
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.hub = self  # type: ignore[attr-defined]
        self.start()

    def requests_matching(self, pattern: str) -> list[str]:
        return [request for request in self.requests if re.search(pattern, request)]


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server_version = "FakeHub"

    def log_message(self, *_: object) -> None: ...

    def setup(self) -> None:
        super().setup()
        self.hub.connections.add(self.connection)

    def finish(self) -> None:
        super().finish()
        self.hub.connections.discard(self.connection)

    @property
    def hub(self) -> Hub:
        return self.server.hub  # type: ignore[attr-defined]

    def handle_it(self) -> None:
        self.path_only = unquote(urlsplit(self.path).path)
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            self.body = self.read_chunks()
        line = f"{self.command} {self.path_only}"
        with self.hub.lock:
            self.hub.requests.append(line)
            self.hub.sent[self.path_only] = {k.lower(): v for k, v in self.headers.items()}
            fault = next((f for f in self.hub.faults.statuses if re.search(f[0], line)), None)
            if fault:
                self.hub.faults.statuses.remove(fault)
        if self.hub.faults.silent:
            Event().wait(self.hub.faults.silent)
            self.close_connection = True
            return None
        if fault:
            return self.refuse(fault[1], "", "as the switch says")
        if not self.known():
            return self.refuse(401, "", "Invalid credentials in Authorization header")
        for pattern, answer in ROUTES:
            verb, _, path = pattern.partition(" ")
            if self.command in verb.split("|") and (match := re.fullmatch(path, self.path_only)):
                return answer(self, *match.groups())
        self.refuse(404, "", f"no such page: {line}")

    def read_chunks(self) -> bytes:
        whole = b""
        while size := int(self.rfile.readline(), 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return whole

    def token(self) -> str:
        return (self.headers.get("Authorization") or "").removeprefix("Bearer ")

    def known(self) -> bool:
        return self.token() in {"", *self.hub.tokens}

    def may_write(self) -> bool:
        if not self.hub.tokens.get(self.token()):
            code = 403 if self.token() else 401
            self.refuse(code, "", "You don't have the rights to write" if code == 403 else "Log in")
            return False
        return True

    def answer(self, code: int, content: bytes = b"", **headers: str) -> None:
        """Send a response, or only a part of it where the switch is set."""
        self.send_response(code)
        headers.setdefault("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command == "HEAD":
            return
        cut, self.hub.faults.cut_after = self.hub.faults.cut_after, None
        if cut is None or len(content) <= cut:
            self.hub.faults.cut_after = cut
            with suppress(ConnectionError):  # the client may have closed the connection
                self.wfile.write(content)
            return
        self.wfile.write(content[:cut])
        self.close_connection = True

    def json(self, value: object, code: int = 200) -> None:
        self.answer(code, json.dumps(value).encode(), Content_Type="application/json")

    def refuse(self, status: int, code: str, words: str) -> None:
        body = json.dumps({"error": words}).encode()
        headers = {"X_Error_Code": code, "X_Error_Message": words}
        kept = {name: value for name, value in headers.items() if value}
        self.answer(status, body, Content_Type="application/json", **kept)

    def repository(self, name: str) -> Repository | None:
        """The repository, if the token has access to it; else the error is sent."""
        found = self.hub.repositories.get(name)
        if found is None or (found.private and not self.token()):
            code = 404 if self.token() else 401
            self.refuse(code, "RepoNotFound", "Repository not found")
            return None
        if found.gated and not self.token() and "/resolve/" in self.path_only:
            self.refuse(403, "GatedRepo", "Access to this model is restricted")
            return None
        return found

    def commit_of(self, name: str, revision: str) -> tuple[Repository, str] | None:
        repository = self.repository(name)
        if repository is None:
            return None
        sha = repository.resolve(revision)
        if sha is None:
            self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return None
        return repository, sha


def create(self: Handler) -> None:
    asked = json.loads(self.body)
    name = f"{asked.get('organization') or 'someone'}/{asked['name']}"
    if not self.may_write():
        return None
    url = {"url": f"{self.hub.url}/{name}", "name": name}
    if name in self.hub.repositories:
        return self.json(url | {"error": "You already created this model repo"}, 409)
    private = bool(asked.get("private")) or asked.get("visibility") == "private"
    self.hub.repositories[name] = Repository(private)
    self.hub.repositories[name].commit({".gitattributes": File(b"*.safetensors filter=lfs\n")})
    return self.json(url)


def whoami(self: Handler) -> None:
    if not self.token():
        return self.refuse(401, "", "Invalid username or password.")
    access = {"displayName": "mine", "role": "write", "createdAt": "2026-01-01T00:00:00.000Z"}
    auth = {"type": "access_token", "accessToken": access}
    return self.json({"type": "user", "id": "1", "name": "someone", "orgs": [], "auth": auth})


def validate(self: Handler) -> None:
    text = json.loads(self.body)["content"]
    good = re.match(r"---\n.*?\n---\n", text, re.DOTALL)
    errors = [] if good else [{"message": "no metadata"}]
    self.json({"errors": errors, "warnings": []}, 200 if good else 400)


def models(self: Handler) -> None:
    query = dict(pair.split("=") for pair in urlsplit(self.path).query.split("&") if "=" in pair)
    names = [n for n, r in self.hub.repositories.items() if not r.private or self.token()]
    self.json([info(self, n) for n in names if n.startswith(query.get("author", "") + "/")])


def info(self: Handler, name: str, sha: str | None = None) -> dict[str, object]:
    repository = self.hub.repositories[name]
    sha = sha or repository.branches["main"]
    siblings = [{"rfilename": path} for path in repository.commits[sha]]
    private = {"private": repository.private, "gated": repository.gated}
    return {"_id": name, "id": name, "modelId": name, "sha": sha, "siblings": siblings} | private


def model(self: Handler, name: str, revision: str = "main") -> None:
    if found := self.commit_of(name, revision):
        self.json(info(self, name, found[1]))


def refs(self: Handler, name: str) -> None:
    if found := self.repository(name):
        listed = {"branches": found.branches, "tags": found.tags, "converts": {}}
        self.json(
            {
                kind: [
                    {"name": n, "ref": f"refs/{kind}/{n}", "targetCommit": sha}
                    for n, sha in of.items()
                ]
                for kind, of in listed.items()
            }
        )


def tree(self: Handler, name: str, revision: str) -> None:
    if found := self.commit_of(name, revision):
        files = found[0].commits[found[1]]
        self.json([entry(path, file) for path, file in sorted(files.items())])


def entry(path: str, file: File) -> dict[str, object]:
    plain: dict[str, object] = {"type": "file", "path": path, "size": len(file), "oid": file.blob}
    lfs = {"oid": file.sha256, "size": len(file), "pointerSize": 130}
    return plain | ({"lfs": lfs} if path.endswith(LARGE) else {})


def branch(self: Handler, name: str, wanted: str) -> None:
    if not self.may_write() or not (found := self.commit_of(name, "main")):
        return None
    if wanted in found[0].branches:
        return self.refuse(409, "", "Reference already exists")
    found[0].branches[wanted] = found[1]
    return self.json({})


def tag(self: Handler, name: str, revision: str) -> None:
    if not self.may_write() or not (found := self.commit_of(name, revision)):
        return None
    wanted = json.loads(self.body)["tag"]
    if wanted in found[0].tags:
        return self.refuse(409, "", "Tag already exists")
    found[0].tags[wanted] = found[1]
    return self.json({})


def preupload(self: Handler, name: str, revision: str) -> None:
    if self.may_write() and self.commit_of(name, revision):
        paths = [file["path"] for file in json.loads(self.body)["files"]]
        modes = {path: "lfs" if path.endswith(LARGE) else "regular" for path in paths}
        self.json(
            {
                "files": [
                    {"path": p, "uploadMode": m, "shouldIgnore": False} for p, m in modes.items()
                ]
            }
        )


def batch(self: Handler, name: str) -> None:
    if not self.may_write():
        return
    asked = json.loads(self.body)["objects"]
    objects = [{"oid": one["oid"], "size": one["size"]} for one in asked]
    for one in objects:
        if one["oid"] not in self.hub.objects:
            href = f"{self.hub.url}/{name}/lfs/{one['oid']}"
            one["actions"] = {"upload": {"href": href}, "verify": {"href": f"{href}/verify"}}
    self.json({"transfer": "basic", "objects": objects})


def upload(self: Handler, name: str, oid: str) -> None:
    file = File(self.body)
    if file.sha256 != oid:
        return self.refuse(400, "", "the digest is another")
    self.hub.objects[oid] = file
    return self.answer(200)


def verify(self: Handler, name: str, oid: str) -> None:
    good = len(self.hub.objects.get(oid, b"")) == json.loads(self.body)["size"]
    self.answer(200 if good else 404)


def commit(self: Handler, name: str, revision: str) -> None:
    if not self.may_write() or not (found := self.commit_of(name, revision)):
        return None
    repository, sha = found
    files = dict(repository.commits[sha])
    for line in self.body.splitlines():
        item = json.loads(line)
        value = item["value"]
        if value.get("parentCommit", sha) not in (sha, None):
            return self.refuse(412, "", "A commit has happened since")
        if item["key"] == "file":
            files[value["path"]] = File(b64decode(value["content"]))
        if item["key"] == "lfsFile":
            files[value["path"]] = self.hub.objects[value["oid"]]
        if item["key"] == "deletedFile":
            del files[value["path"]]
    if "create_pr=1" not in self.path:
        sha = repository.commit(files, revision)
        return self.json({"commitUrl": f"{self.hub.url}/{name}/commit/{sha}", "commitOid": sha})
    number = len(repository.pull_requests) + 1
    main = repository.branches[revision]
    sha = repository.commit(files, revision)
    repository.branches[revision] = main
    repository.pull_requests[f"refs/pr/{number}"] = sha
    url = f"{self.hub.url}/{name}/discussions/{number}"
    return self.json(
        {
            "commitUrl": f"{self.hub.url}/{name}/commit/{sha}",
            "commitOid": sha,
            "pullRequestUrl": url,
        }
    )


def resolve(self: Handler, name: str, revision: str, path: str) -> None:
    found = self.commit_of(name, revision)
    if not found:
        return None
    repository, sha = found
    file = repository.commits[sha].get(path)
    commit = {"X_Repo_Commit": self.hub.faults.commit or sha}
    if file is None:
        body = b'{"error": "Entry not found"}'
        return self.answer(404, body, X_Error_Code="EntryNotFound", **commit)
    if not path.endswith(LARGE):
        return self.answer(200, swapped(self, path, file), ETag=f'"{file.blob}"', **commit)
    location = f"http://localhost:{self.hub.port}/cdn/{name}/{sha}/{path}"  # another origin
    size = self.hub.faults.claimed.get(path, len(file))
    linked = {"X_Linked_Etag": f'"{file.sha256}"', "X_Linked_Size": str(size)}
    return self.answer(302, b"", Location=location, **linked, **commit)


def cdn(self: Handler, name: str, sha: str, path: str) -> None:
    """A large file of another origin, to which no token may be sent; ranges are supported."""
    if self.token():
        return self.refuse(400, "", "a token was sent to another origin")
    Event().wait(self.hub.faults.slow)
    file = swapped(self, path, self.hub.repositories[name].commits[sha][path])
    part = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
    if self.hub.faults.encoding:
        return self.answer(200, file, Content_Encoding=self.hub.faults.encoding)
    if not part or self.hub.faults.whole:
        return self.answer(200, file, Accept_Ranges="bytes")
    first, last = int(part[1]), min(int(part[2] or len(file)), len(file) - 1)
    span = f"bytes {first}-{last}/{len(file)}"
    return self.answer(206, file[first : last + 1], Content_Range=span)


def swapped(self: Handler, path: str, file: File) -> bytes:
    return self.hub.faults.swapped.get(path, file)


REPO = r"([\w.-]+/[\w.-]+)"
ROUTES: list[tuple[str, Callable[..., None]]] = [
    (r"POST /api/repos/create", create),
    (r"POST /api/validate-yaml", validate),
    (r"GET /api/whoami-v2", whoami),
    (r"GET /api/models", models),
    (rf"GET /api/models/{REPO}", model),
    (rf"GET /api/models/{REPO}/revision/(.+)", model),
    (rf"GET /api/models/{REPO}/refs", refs),
    (rf"GET /api/models/{REPO}/tree/(.+)", tree),
    (rf"POST /api/models/{REPO}/branch/(.+)", branch),
    (rf"POST /api/models/{REPO}/tag/(.+)", tag),
    (rf"POST /api/models/{REPO}/preupload/(.+)", preupload),
    (rf"POST /api/models/{REPO}/commit/(.+)", commit),
    (rf"POST /{REPO}\.git/info/lfs/objects/batch", batch),
    (rf"PUT /{REPO}/lfs/(\w+)", upload),
    (rf"POST /{REPO}/lfs/(\w+)/verify", verify),
    (rf"GET|HEAD /{REPO}/resolve/((?:refs/pr/)?[^/]+)/(.+)", resolve),
    (rf"GET /cdn/{REPO}/(\w+)/(.+)", cdn),
]

for verb in ("GET", "HEAD", "POST", "PUT"):
    setattr(Handler, f"do_{verb}", Handler.handle_it)
