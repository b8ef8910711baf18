"""The built site in a browser: pictures, scripts, search.

Skipped unless ``SKKAN_SITE`` names the folder of a built site and Chromium is installed.
``.ci/run`` builds the site and runs this.
"""

import functools
import http.server
import os
import re
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SITE = Path(os.environ.get("SKKAN_SITE", "missing"))
pytestmark = [
    pytest.mark.skipif(not (SITE / "index.html").exists(), reason="SKKAN_SITE is no built site"),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--v=0",
    "--virtual-time-budget=10000",
]
# Run in the page once it is loaded; the result becomes part of the document that is dumped.
PROBE = """
<script>
window.addEventListener("load", () => setTimeout(() => {
  const broken = [...document.images].filter((i) => !i.complete || i.naturalWidth === 0);
  const found = document.createElement("pre");
  found.id = "probe";
  found.textContent = JSON.stringify({
    broken: broken.map((i) => i.src),
    wide: document.documentElement.scrollWidth - window.innerWidth,
  });
  document.body.append(found);
}, 3000));
</script>
"""


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the site with the probe at the end of every page."""

    missing: list[str]

    def do_GET(self):
        path = SITE / self.path.split("?")[0].lstrip("/")
        if path.suffix == ".html" and path.exists():
            body = path.read_text(encoding="utf-8").replace("</body>", PROBE + "</body>").encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        else:
            super().do_GET()

    def send_error(self, code, *arguments, **options):
        if not self.path.startswith("/favicon"):
            self.missing.append(f"{code} {self.path}")
        super().send_error(code, *arguments, **options)

    def log_message(self, *_):
        """Stay quiet."""


@pytest.fixture
def server():
    """Serve the site, and collect the paths that are not there."""
    handler = type("Recorder", (Handler,), {"missing": []})
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler, directory=str(SITE))
    ) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", handler.missing
        running.shutdown()


def visit(url, directory, width=1300):
    """Return the document after its scripts have run, and the errors on the console."""
    done = subprocess.run(
        [
            str(CHROMIUM),
            *FLAGS,
            f"--user-data-dir={directory / 'profile'}",
            f"--window-size={width},1000",
            "--dump-dom",
            url,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    errors = [
        line
        for line in done.stderr.splitlines()
        if "CONSOLE" in line and re.search(r"error|failed|uncaught", line, re.IGNORECASE)
    ]
    return done.stdout, errors


GALLERY = "auto_examples/index.html"
API = "api/generated/skkan.KANRegressor.html"


@pytest.mark.parametrize("width", [400, 1300])
@pytest.mark.parametrize(
    ("page", "content"),
    [
        ("index.html", "Beside other estimators"),
        (API, "auto_symbolic"),
        (GALLERY, "sphx-glr-thumbcontainer"),
        ("auto_examples/plot_network.html", "KANDisplay"),
        ("guide/model.html", "mjx-container"),
    ],
)
def test_page(page, content, width, server, tmp_path):
    address, missing = server
    document, errors = visit(f"{address}/{page}", tmp_path, width)
    assert content in document
    assert errors == []
    assert missing == []
    probe = re.search(r'<pre id="probe">(.*?)</pre>', document)
    assert probe is not None, "the page did not finish loading"
    assert '"broken":[]' in probe[1], probe[1]
    wide = re.search(r'"wide":(-?\d+)', probe[1])
    assert int(wide[1]) <= 1, f"the page is {wide[1]} pixels wider than the window"


def test_search_finds_an_estimator(server, tmp_path):
    address, _ = server
    document, errors = visit(f"{address}/search.html?q=KANSymbolicRegressor", tmp_path)
    assert errors == []
    assert "skkan.KANSymbolicRegressor.html" in document
