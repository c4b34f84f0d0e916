"""The HTTP/1.1 server: keep-alive, one thread a connection, one write an answer, no log lines."""

import socket
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sandbox.web import Request, Response, make_request

MAX_BODY = 16 * 1024 * 1024
MAX_TARGET = 8192  # longer addresses get the bare 414 of HubSpot's front servers
REASONS = {status.value: status.phrase for status in HTTPStatus}

Application = Callable[[Request], Response]


class Server(ThreadingHTTPServer):
    """Serves an application until it is interrupted; its threads never hold up the end of the process."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    application: Application  # to be set before serving

    def __init__(self, host: str, port: int) -> None:
        """Bind and listen; raises OSError when the port is taken."""
        super().__init__((host, port), Connection)

    def server_bind(self) -> None:
        """Bind without the look-up of this machine's name that the base class does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent when a client went away; anything else was answered with a 500 already."""


class Connection(BaseHTTPRequestHandler):
    """Reads requests of one connection and writes the application's answers."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120

    def _serve(self) -> None:
        length = self.headers.get("Content-Length", "0")
        refusal = self._refusal(length)
        if refusal:
            self.close_connection = True
            self._write(Response(refusal, b"<html><body><h1>%d</h1></body></html>" % refusal, "text/html"))
            return
        body = self.rfile.read(int(length)) if length != "0" else b""
        client = str(self.client_address[0])
        response = self.server.application(make_request(self.command, self.path, self.headers, body, client))
        if response.drop:
            self.close_connection = True
        else:
            self._write(response)

    def _refusal(self, length: str) -> int:
        if len(self.path) > MAX_TARGET:
            return 414
        if "Transfer-Encoding" in self.headers or not length.isdigit():
            return 411
        return 413 if int(length) > MAX_BODY else 0

    def _write(self, response: Response) -> None:
        body = b"" if response.status == 204 else response.body
        lines = [
            f"HTTP/1.1 {response.status} {REASONS.get(response.status, 'Unknown')}",
            f"Content-Length: {len(body)}",
            f"Content-Type: {response.content_type}",
            *(f"{name}: {value}" for name, value in response.headers.items()),
        ]
        if self.close_connection:
            lines.append("Connection: close")
        head = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n"
        self.wfile.write(head if self.command == "HEAD" else head + body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing: thousands of calls a second would drown the one line that matters."""
