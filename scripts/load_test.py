"""Many visitors at once: python scripts/load_test.py [--users 50] [--seconds 60] [--json FILE].

They search by stored image and by upload, leaf through the list and look at thumbnails, each as
soon as the last answer is there, on a server that runs in a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import httpx
import numpy as np

from indexer.settings import SEARCHES_VARIABLE, UPLOADS_VARIABLE, Settings
from models.errors import SimilarityError
from scripts.benchmark import PACKAGES, versions
from scripts.load_visitors import Tally, Visitor, Wanted
from scripts.page_server import ServedPage, served_in_process

SAMPLE = 200
# All visitors have one address here, which the server would soon refuse.
NO_LIMITS = {SEARCHES_VARIABLE: "0", UPLOADS_VARIABLE: "0"}
FILES = 20
SECONDS_TO_WAIT = 60.0


class NothingToAskError(SimilarityError):
    """There is no dataset."""


@dataclass(frozen=True, slots=True)
class ActionTimes:
    """One kind of action: how often it went well, and seconds."""

    action: str
    count: int
    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class Load:
    """What a server stood.

    Attributes:
        users, seconds, images: how many asked, for how long, in how large a dataset.
        actions: what they did.
        per_second: actions that went well.
        errors: how often what went wrong.
        memory: megabytes that the server's process held: when it was ready, after the warm-up, and
            after every quarter of the time.
    """

    users: int
    seconds: float
    images: int
    actions: Sequence[ActionTimes]
    per_second: float
    errors: Mapping[str, int]
    memory: Mapping[str, float]


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Ask the page as many visitors at once.")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="folder of the indexes")
    parser.add_argument("--dataset", metavar="NAME", help="default: the largest")
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--warm-up", type=float, default=10.0, metavar="SECONDS")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code, 1 if anything went wrong."""
    arguments = parse(argv)
    data_dir = Settings.resolve(data_dir=arguments.data_dir).data_dir
    try:
        with served_in_process(data_dir, environment=NO_LIMITS) as served:
            load = asyncio.run(
                load_page(
                    served,
                    arguments.dataset,
                    users=arguments.users,
                    seconds=arguments.seconds,
                    warm_up=arguments.warm_up,
                )
            )
    except SimilarityError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(report(load))
    if arguments.json:
        content = {
            "machine": platform.platform(),
            "cores": os.cpu_count(),
            "load_average": os.getloadavg()[0],
            "python": platform.python_version(),
            "packages": versions(PACKAGES),
            "measurement": asdict(load),
        }
        arguments.json.write_text(json.dumps(content, indent=1) + "\n")
    return 1 if load.errors else 0


async def load_page(
    served: ServedPage, dataset: str | None, *, users: int, seconds: float, warm_up: float
) -> Load:
    """Let ``users`` ask for ``seconds``, after a ``warm_up`` that does not count.

    Raises:
        NothingToAskError: the server has no such dataset.
    """
    memory = {"ready": megabytes(served.pid)}
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=users)
    async with httpx.AsyncClient(
        base_url=served.url, trust_env=False, timeout=SECONDS_TO_WAIT, limits=limits
    ) as client:
        wanted = await look_around(client, dataset)
        visitors = [Visitor(client, wanted, seed) for seed in range(users)]
        await _visit(visitors, Tally(), warm_up)
        memory["warm"] = megabytes(served.pid)
        tally, started = Tally(), perf_counter()
        watch = asyncio.create_task(_watch(served.pid, seconds, memory))
        await _visit(visitors, tally, seconds)
        passed = perf_counter() - started
        await watch
    actions = [
        ActionTimes(name, len(times), *np.percentile(times, (50, 95)).tolist())
        for name, times in sorted(tally.seconds.items())
    ]
    return Load(
        users=users,
        seconds=passed,
        images=wanted.images,
        actions=actions,
        per_second=sum(action.count for action in actions) / passed,
        errors=dict(tally.errors),
        memory=memory,
    )


async def _visit(visitors: Sequence[Visitor], tally: Tally, seconds: float) -> None:
    until = perf_counter() + seconds

    async def stay(visitor: Visitor) -> None:
        while perf_counter() < until:
            await visitor.act(tally)

    await asyncio.gather(*map(stay, visitors))


async def _watch(process: int, seconds: float, memory: dict[str, float]) -> None:
    for quarter in ("1/4", "2/4", "3/4", "4/4"):
        await asyncio.sleep(seconds / 4)
        memory[quarter] = megabytes(process)


async def look_around(client: httpx.AsyncClient, dataset: str | None) -> Wanted:
    """What there is to ask for."""
    datasets = (await client.get("/api/datasets")).json()
    there = [one for one in datasets if dataset in {None, one["name"]}]
    if not there:
        raise NothingToAskError("the server has no such dataset: make demo makes one")
    largest = max(there, key=lambda one: int(one["images"]))
    name, images = largest["name"], largest["images"]
    listed = await client.get(f"/api/datasets/{name}/images?order=shuffled&limit={SAMPLE}")
    ids = [image["id"] for image in listed.raise_for_status().json()["images"]]
    files = []
    for point in ids[:FILES]:
        original = await client.get(f"/media/{name}/{point}/original")
        original.raise_for_status()
        media_type = original.headers["content-type"]
        files.append((f"sent.{media_type.partition('/')[2]}", original.content, media_type))
    events = (await client.get("/config")).json()["dependencies"]
    numbers = {event["api_name"]: event["id"] for event in events}
    return Wanted(name, ids, files, images, numbers["search_by_id"])


def megabytes(process: int) -> float:
    """Memory of its own that a process holds, as Linux tells it: without the files it has mapped.

    Those, such as the collections, are in the system's cache, which takes them back at need.
    """
    status = Path(f"/proc/{process}/status").read_text()
    lines = dict(line.split(":", 1) for line in status.splitlines())
    return int(lines["RssAnon"].split()[0]) * 1024 / 1_000_000


def report(load: Load) -> str:
    """Lines for people."""
    lines = [
        f"{load.users} visitors for {load.seconds:.0f} s in {load.images:,} images: "
        f"{load.per_second:.1f} actions a second, {sum(load.errors.values())} errors"
    ]
    lines += [
        f"{one.action:<28} {one.count:>6} times {one.p50:6.2f} s p50 {one.p95:6.2f} s p95"
        for one in load.actions
    ]
    lines += [f"{count} x {text}" for text, count in load.errors.items()]
    held = ", ".join(f"{when} {size:.0f}" for when, size in load.memory.items())
    return "\n".join([*lines, f"memory in MB: {held}"])


if __name__ == "__main__":
    sys.exit(main())
