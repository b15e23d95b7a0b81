"""A backend that knows nothing about tokens. It trusts the identity headers of its gateway.

It responds with the request that it sees. Only the standard library is needed: python3 backend.py 8080
"""

import http.server
import json
import sys


class Backend(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        seen = {
            "path": self.path,
            "client": self.headers.get_all("X-Auth-Client", []),
            "scope": self.headers.get_all("X-Auth-Scope", []),
        }
        body = json.dumps(seen).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Backend)
print(f"backend on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
