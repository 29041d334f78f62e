"""The page's Searcher stays open in one process while another one syncs."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from PIL import Image

from indexer.search import Searcher
from indexer.settings import Settings
from indexer.types import Distance
from models.pooling import STANDARD
from scripts.drill.killed_sync import DATASET, SyncProcess


def test_searches_go_on_while_another_process_syncs_twice(
    forty: Path, small: Path, data: Path
) -> None:
    sync = SyncProcess(forty, data, small)
    sync.run()
    stopping = threading.Event()
    kept = forty / "kind0" / "00.png"

    def search(searcher: Searcher) -> list[int]:
        """Numbers of images found, one per search, until told to stop."""
        seen: list[int] = []
        while not stopping.is_set():
            result = searcher.by_image(
                DATASET, kept, poolings=STANDARD, distances=list(Distance), k=100
            )
            for row in result.rows:
                assert row.hits[0].path == "kind0/00.png"
                seen.append(len(row.hits))
        return seen

    with closing(Searcher.open(Settings(data))) as searcher, ThreadPoolExecutor(1) as pool:
        searching = pool.submit(search, searcher)
        try:
            for number in range(2):
                new = forty / "kind1" / f"new{number}.png"
                Image.new("RGB", (32, 24), (90, 100 * number, 200)).save(new)
                (forty / "kind0" / f"0{2 * (number + 1)}.png").unlink()
                Image.new("RGB", (32, 24), (200, 9, 50 * number)).save(forty / "more.png")
                sync.run()
        finally:
            stopping.set()
        seen = searching.result()
        assert {record.payload["path"] for record in searcher.records(DATASET)} == {
            path.relative_to(forty).as_posix() for path in forty.rglob("*.png")
        }
    assert set(seen) <= {40, 41}
    assert seen[-1] == 41
    assert len(seen) > 8
