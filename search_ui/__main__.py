"""``python -m search_ui``: serve the page until Ctrl+C."""

from __future__ import annotations

import argparse
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from indexer.process import begin_serving
from indexer.settings import (
    FOLDERS_VARIABLE,
    HOSTS_VARIABLE,
    PASSWORD_VARIABLE,
    USER_VARIABLE,
    Settings,
)
from models.errors import SimilarityError


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    default = Settings()
    parser = argparse.ArgumentParser(
        prog="python -m search_ui", description="Search an index by picture, in the browser."
    )
    parser.add_argument("--host", help=f"address to listen on (default {default.host})")
    parser.add_argument("--port", type=int, help=f"port to listen on (default {default.port})")
    parser.add_argument(
        "--data-dir", type=Path, help=f"folder of the indexes (default ./{default.data_dir})"
    )
    parser.add_argument("--qdrant-url", help="Qdrant server of the indexes (default: embedded)")
    build = parser.add_argument_group("building datasets from the page")
    build.add_argument(
        "--image-folder",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="folder that datasets may be built of, with all below it; repeatable "
        f"(default: {FOLDERS_VARIABLE}, or none)",
    )
    build.add_argument(
        "--max-archive-mb",
        type=int,
        metavar="N",
        help=f"largest archive to upload (default {default.max_archive_mb})",
    )
    build.add_argument("--no-build", action="store_true", help="let nobody build any")
    network = parser.add_argument_group("offering the page to others (docs/serving.md)")
    network.add_argument(
        "--auth",
        action="store_true",
        help=f"refuse to start without a password: {USER_VARIABLE} and {PASSWORD_VARIABLE}, which "
        "are asked for whenever they are set",
    )
    network.add_argument("--root-path", metavar="/PATH", help="where the page is at the proxy")
    network.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="host name to answer to, beside loopback's; repeatable (default: "
        f"{HOSTS_VARIABLE}, or any when --host is not loopback)",
    )
    network.add_argument(
        "--trusted-proxy",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="proxy, or network of proxies, whose X-Forwarded-For and -Proto are believed; "
        "repeatable (default: none)",
    )
    return parser.parse_args(arguments)


def bind(host: str, port: int) -> socket.socket:
    """A socket that holds ``host:port`` and does not accept connections yet.

    Raises:
        SimilarityError: the address is taken, unknown or not permitted.
    """
    # The system would take a larger number modulo 65536.
    if not 0 <= port < 65_536:
        raise SimilarityError(f"cannot listen on port {port}: give 1 to 65535")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as bound:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            return bound.dup()
    except OSError as error:
        reason = error.strerror or str(error)
        raise SimilarityError(
            f"cannot listen on {host}:{port}: {reason}; choose another with --host or --port"
        ) from error


def serve(settings: Settings, bound: socket.socket) -> None:
    """Load the page and serve it on ``bound`` until interrupted."""
    # Imported here: they take seconds, and a port in use should be told at once.
    from indexer.search import Searcher
    from search_ui.app import make_app
    from search_ui.building.builder import Builder
    from search_ui.serving.server import run_server

    # As with Ctrl+C: what was uploaded is removed at the end.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    searcher = Searcher.open(settings)
    app = make_app(searcher, settings, builder=Builder.of(searcher, settings))
    run_server(
        app,
        bound,
        on_ready=lambda url: print(ready_line(url), file=sys.stderr),
        trusted_proxies=settings.serving.trusted_proxies,
    )


def ready_line(url: str) -> str:
    """What is printed when the page can be opened."""
    return f"Image similarity is ready: {url}  (Ctrl+C stops it)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 stopped, 1 an expected error told in one line."""
    given = parse_arguments(arguments)
    begin_serving()
    try:
        settings = Settings.resolve(
            data_dir=given.data_dir,
            host=given.host,
            port=given.port,
            qdrant_url=given.qdrant_url,
            image_folders=given.image_folder,
            allow_build=False if given.no_build else None,
            max_archive_mb=given.max_archive_mb,
            root_path=given.root_path,
            allowed_hosts=given.allowed_host,
            trusted_proxies=given.trusted_proxy,
            need_password=given.auth,
        )
        bound = bind(settings.host, settings.port)
        with bound:
            print("Loading the page ...", file=sys.stderr)
            serve(settings, bound)
    except SimilarityError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
