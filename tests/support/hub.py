"""A small server that speaks a Hugging Face hub's protocol, with faults on demand."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

__all__ = ["Hub"]

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """Repositories by name, each its files.

    `cut` bytes of a file are sent before the connection breaks, once; `refuse` is a status that answers
    everything; `spoil` has files arrive with other bytes; `states_digests` is whether it tells SHA-256s.
    """

    repositories: dict[str, dict[str, bytes]]
    cut: dict[str, int] = field(default_factory=dict)
    refuse: int = 0
    states_digests: bool = True
    spoil: set[str] = field(default_factory=set)
    ranges: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                hub._answer(self, with_body=False)

            def do_GET(self) -> None:
                hub._answer(self, with_body=True)

            def log_message(self, *_arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def _answer(self, request: BaseHTTPRequestHandler, *, with_body: bool) -> None:
        if self.refuse:
            self._send(request, self.refuse, b"", {}, with_body=with_body)
            return
        path = request.path.partition("?")[0].strip("/")
        for name, files in self.repositories.items():
            if path.startswith(f"api/models/{name}/revision/"):
                self._send(
                    request,
                    200,
                    _description(name, files, digests=self.states_digests),
                    {},
                    with_body=with_body,
                )
                return
            prefix = f"{name}/resolve/{COMMIT}/"
            if path.startswith(prefix) and path.removeprefix(prefix) in files:
                self._send_file(request, path.removeprefix(prefix), files, with_body=with_body)
                return
        self._send(request, 404, b"", {"X-Error-Code": "RevisionNotFound"}, with_body=with_body)

    def _send_file(
        self, request: BaseHTTPRequestHandler, path: str, files: dict[str, bytes], *, with_body: bool
    ) -> None:
        data = files[path]
        headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": COMMIT}
        if not with_body:
            self._send(request, 200, data, headers, with_body=False)
            return
        self.fetched.append(path)
        if path in self.spoil:
            data = bytes(len(data))
        status, start = 200, 0
        if wanted := request.headers.get("Range"):
            self.ranges.append(wanted)
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
            status = 206
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        self._send(request, status, data[start:], headers, with_body=True, cut=self.cut.pop(path, None))

    @staticmethod
    def _send(
        request: BaseHTTPRequestHandler,
        status: int,
        body: bytes,
        headers: dict[str, str],
        *,
        with_body: bool,
        cut: int | None = None,
    ) -> None:
        request.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            request.send_header(name, value)
        request.end_headers()
        if with_body:
            request.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            request.close_connection = True


def _description(name: str, files: dict[str, bytes], *, digests: bool) -> bytes:
    """What the hub says of a repository when it is asked for its files too."""
    siblings = [
        {
            "rfilename": path,
            "size": len(data),
            "blobId": "0" * 40,
            **({"lfs": _stored(data)} if digests else {}),
        }
        for path, data in files.items()
    ]
    return json.dumps({"id": name, "modelId": name, "sha": COMMIT, "siblings": siblings}).encode()


def _stored(data: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
