"""The way to a server, on which the first answer to the put of a table's version 1 is lost.

    python -m tests.integration.stored.lossy_line ENDPOINT

It writes its port, and later what it has lost. It is a process of its own: delta-rs keeps Python waiting while it reads a history.
"""

import http.client
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

COMMIT = f"_delta_log/{1:020d}.json"


class Line(ThreadingHTTPServer):
    """Whoever listens, and what was lost."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(("127.0.0.1", 0), Relay)
        self.target = urlsplit(endpoint).netloc
        self.has_lost = False

    def loses(self, method: str, path: str) -> bool:
        if method != "PUT" or COMMIT not in path or self.has_lost:
            return False
        self.has_lost = True
        print(path, flush=True)
        return True


class Relay(BaseHTTPRequestHandler):
    """Passes a request on as it is, and its answer back."""

    protocol_version = "HTTP/1.1"
    server: Line

    def pass_on(self) -> None:
        connection = http.client.HTTPConnection(self.server.target)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            connection.putheader(name, value)
        connection.endheaders(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        answer = connection.getresponse()
        body = answer.read()
        if self.server.loses(self.command, self.path):
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        asked_for_a_body = self.command != "HEAD"
        for name, value in answer.getheaders():
            if name.lower() != "transfer-encoding" and not (
                asked_for_a_body and name.lower() == "content-length"
            ):
                self.send_header(name, value)
        if asked_for_a_body:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        connection.close()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = pass_on  # noqa: N815 - the names that the library looks for

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    with Line(sys.argv[1]) as line:
        print(line.server_port, flush=True)
        line.serve_forever()
