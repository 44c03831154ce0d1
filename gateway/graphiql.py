"""GraphiQL without the internet: its files come from npm at install time and are served from our own origin.

`python -m gateway.graphiql` (`make graphiql`) fetches them. They are never part of this repository.
"""

from __future__ import annotations

import hashlib
import html
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

PATH = "/graphiql"
MISSING = "GraphiQL's files are not installed: run `make graphiql` (it needs npm), then reload this page."


class Asset(NamedTuple):
    """A file of an npm package, and the SHA-256 it must have."""

    name: str
    package: str
    member: str
    sha256: str


ASSETS = (
    Asset(
        "react.js",
        "react@18.3.1",
        "package/umd/react.production.min.js",
        "d949f1c3687aedadcedac85261865f29b17cd273997e7f6b2bfc53b2f9d4c4dd",
    ),
    Asset(
        "react-dom.js",
        "react-dom@18.3.1",
        "package/umd/react-dom.production.min.js",
        "35f4f974f4b2bcd44da73963347f8952e341f83909e4498227d4e26b98f66f0d",
    ),
    Asset(
        "graphiql.js",
        "graphiql@3.8.3",
        "package/graphiql.min.js",
        "22faab94067b695e5f7959619fbe686ebcc8955002a0c97d986bcbba4ad4bc2c",
    ),
    Asset(
        "graphiql.css",
        "graphiql@3.8.3",
        "package/graphiql.min.css",
        "b1868247f8e0502cd869e581f5f3cb55b334862e7f51b1d6cbace11059b9adc2",
    ),
)

# The editor writes style attributes, so styles may be inline; scripts and connections stay on our origin.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "font-src 'self' data:",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>c360</title>
<link rel="stylesheet" href="{path}/graphiql.css">
<link rel="stylesheet" href="{path}/page.css">
</head>
<body>
<div id="graphiql">{content}</div>
{scripts}
</body>
</html>
"""
_STYLE = "html, body, #graphiql { height: 100%; margin: 0; overflow: hidden } #graphiql > p { padding: 1em }"
_SCRIPT = """
const fetcher = GraphiQL.createFetcher({ url: new URL('/graphql', location.href).toString() });
ReactDOM.createRoot(document.getElementById('graphiql')).render(
  React.createElement(GraphiQL, {
    fetcher,
    defaultQuery: %s,
    defaultEditorToolsVisibility: true,
    isHeadersEditorEnabled: true,
    shouldPersistHeaders: false,
  })
);
"""


class GraphiQL:
    """The page, its script and its files."""

    def __init__(self, directory: Path, first_query: str) -> None:
        self._directory = directory
        self._script = _SCRIPT % _javascript(first_query)

    @property
    def routes(self) -> list[Route]:
        """To be mounted at the root of the application."""
        return [Route(PATH, self._page), Route(f"{PATH}/{{name}}", self._file)]

    async def _page(self, _request: Request) -> Response:
        if missing(self._directory):
            content, scripts = f"<p>{html.escape(MISSING)}</p>", ""
        else:
            names = [asset.name for asset in ASSETS if asset.name.endswith(".js")] + ["page.js"]
            content = ""
            scripts = "\n".join(f'<script src="{PATH}/{name}"></script>' for name in names)
        page = _PAGE.format(path=PATH, content=content, scripts=scripts)
        return HTMLResponse(page, headers={**_HEADERS, "Cache-Control": "no-store"})

    async def _file(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name == "page.js":
            return Response(self._script, media_type="text/javascript", headers=_HEADERS)
        if name == "page.css":
            return Response(_STYLE, media_type="text/css", headers=_HEADERS)
        asset = next((asset for asset in ASSETS if asset.name == name), None)
        if asset is None or not (file := self._directory / name).is_file():
            return Response(status_code=404)
        return FileResponse(file, headers={**_HEADERS, "Cache-Control": "public, max-age=3600"})


def directory() -> Path:
    """Where the files are kept: C360_ASSETS, or `.assets` beside the packages."""
    configured = os.environ.get("C360_ASSETS")
    return (Path(configured) if configured else Path(__file__).parent.parent / ".assets") / "graphiql"


def missing(where: Path) -> list[str]:
    """The files that are not there."""
    return [asset.name for asset in ASSETS if not (where / asset.name).is_file()]


def install(where: Path) -> None:
    """Fetches the files with npm. Raises OSError, CalledProcessError, or ValueError for a wrong file."""
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("npm is not installed")
    where.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for package in dict.fromkeys(asset.package for asset in ASSETS):
            packed = subprocess.run(  # noqa: S603 (fixed arguments)
                [npm, "pack", "--silent", package], cwd=folder, check=True, capture_output=True, text=True
            )
            archive = Path(folder) / packed.stdout.strip().splitlines()[-1]
            for asset in ASSETS:
                if asset.package == package:
                    _extract(archive, asset, where)


def _extract(archive: Path, asset: Asset, where: Path) -> None:
    with tarfile.open(archive) as opened:
        member = opened.extractfile(asset.member)
        content = member.read() if member else b""
    if hashlib.sha256(content).hexdigest() != asset.sha256:
        raise ValueError(f"{asset.member} of {asset.package} is not the file that was expected")
    (where / asset.name).write_bytes(content)


def _javascript(text: str) -> str:
    """A JavaScript string literal."""
    return json.dumps(text)


def main() -> int:
    """Fetches what is missing; says so in one line where it cannot."""
    where = directory()
    if not missing(where):
        return 0
    try:
        install(where)
    except (OSError, subprocess.CalledProcessError, ValueError) as error:
        print(f"GraphiQL was not installed ({type(error).__name__}): {_reason(error)}", file=sys.stderr)
        return 1
    return 0


def _reason(error: Exception) -> str:
    return "npm could not fetch it" if isinstance(error, subprocess.CalledProcessError) else str(error)


if __name__ == "__main__":
    raise SystemExit(main())
