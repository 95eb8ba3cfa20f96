"""The page's server: on this machine only, and only for who knows the token in its address."""

import hmac
import json
import re
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ohlora_lib.errors import InputError
from ohlora_lib.labelling.session import RequestError, Session
from ohlora_lib.store.png_images import EncodedImages

HOST = "127.0.0.1"
LONGEST_BODY = 1 << 20  # bytes; a grid is some kilobytes
PAGE = Path(__file__).parent / "page"
FILES = {
    "": ("page.html", "text/html; charset=utf-8"),
    "page.css": ("page.css", "text/css; charset=utf-8"),
    "page.js": ("page.js", "text/javascript; charset=utf-8"),
}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class LabelServer(ThreadingHTTPServer):
    """Serves one session."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, session: Session, images: EncodedImages, token: str, port: int = 0):
        """Listen on `port` of this machine (0: any that is free).

        Raises:
            OSError: the port is taken.
        """
        super().__init__((HOST, port), _Handler)
        self.session = session
        self.images = images
        self.token = token

    @property
    def port(self) -> int:
        """Return the port."""
        return self.server_address[1]

    @property
    def address(self) -> str:
        """Return the page's address."""
        return f"http://{HOST}:{self.port}/{self.token}/"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of pages that were closed while they were being answered."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: LabelServer
    protocol_version = "HTTP/1.1"  # keeps connections
    server_version, sys_version = "ohlora", ""
    timeout = 300  # seconds without a request; the browser then opens a new connection
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        path = self._admit()
        if path is None:
            return
        try:
            if path in FILES:
                name, kind = FILES[path]
                self._send(HTTPStatus.OK, (PAGE / name).read_bytes(), kind)
            elif path.startswith("image/"):
                image = self.server.images[_number(path.removeprefix("image/"))]
                self._send(HTTPStatus.OK, image, "image/png")
            elif path == "api/session":
                self._json(self.server.session.start())
            elif path == "api/changes":
                since = parse_qs(urlsplit(self.path).query).get("since", [""])[0]
                self._json(self.server.session.changes(_number(since)))
            else:
                self._refuse(HTTPStatus.NOT_FOUND, "there is no such page")
        except KeyError:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such image")
        except RequestError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
        except InputError as error:
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))

    def do_POST(self) -> None:
        path = self._admit()
        if path is None:
            return
        session = self.server.session
        actions = {"api/answer": session.answer, "api/undo": session.undo}
        try:
            if path == "api/export":
                self._body()
                self._json(session.export())
            elif path in actions:
                self._json(actions[path](self._body()))
            else:
                self._refuse(HTTPStatus.NOT_FOUND, "there is no such page")
        except RequestError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
        except OSError as error:
            if isinstance(error, ConnectionError | TimeoutError):
                raise  # the page went away; it will send again
            self._refuse(HTTPStatus.INSUFFICIENT_STORAGE, error.strerror or str(error))

    def _admit(self) -> str | None:
        """Return the path behind the token, or refuse the request and return None.

        The Host header keeps out pages of other sites whose name was pointed at this machine, the
        Origin header those that post here.
        """
        hosts = {f"{name}:{self.server.port}" for name in (HOST, "localhost")}
        origin = self.headers.get("Origin")
        token, slash, path = urlsplit(self.path).path.removeprefix("/").partition("/")
        known = hmac.compare_digest(token.encode(), self.server.token.encode()) and slash
        if (
            not known
            or self.headers.get_all("Host") not in [[host] for host in hosts]
            or origin not in {None, *(f"http://{host}" for host in hosts)}
        ):
            self._refuse(HTTPStatus.FORBIDDEN, "open the address that ohlora label printed")
            return None
        return path

    def _body(self) -> dict[str, Any]:
        length = _number(self.headers.get("Content-Length", ""))
        if self.headers.get_content_type() != "application/json":
            raise RequestError("the request must be JSON")
        if length > LONGEST_BODY:
            raise RequestError("the request is too long")
        try:
            body = json.loads(self.rfile.read(length))
        except ValueError:
            raise RequestError("the request is not JSON") from None
        if not isinstance(body, dict):
            raise RequestError("the request must be a JSON object")
        return body

    def _json(self, document: dict[str, Any]) -> None:
        self._send(HTTPStatus.OK, json.dumps(document).encode(), "application/json")

    def _refuse(self, code: HTTPStatus, reason: str) -> None:
        self.close_connection = True  # its body may not have been read
        self._send(code, json.dumps({"error": reason}).encode(), "application/json")

    def _send(self, code: HTTPStatus, content: bytes, kind: str) -> None:
        self.send_response(code)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        """Print nothing: the terminal shows the address and the summary."""


def _number(text: str) -> int:
    if not re.fullmatch("[0-9]{1,12}", text):
        raise RequestError("a number must be whole and not below 0")
    return int(text)
