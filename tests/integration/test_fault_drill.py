"""A small drill: syncs are killed, and nothing is lost; what would be lost is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from indexer.schema import IndexSpec
from indexer.settings import Settings
from indexer.store import VectorStore, open_store
from indexer.types import Distance, Point, SyncReport
from scripts.drill.differences import differences
from scripts.drill.killed_sync import SyncProcess
from scripts.fault_drill import main


def test_a_sync_killed_three_times_loses_nothing(
    forty: Path, small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    code = main([str(forty), "--runs", "3", "--checkpoint", str(small), "--json", str(report)])
    out, err = capsys.readouterr()
    assert code == 0, out + err
    content = json.loads(report.read_text())
    assert sum(content["killed"].values()) == 3
    assert content["answers"] > 0
    assert content["images"] > 15
    assert (content["search_errors"], content["differences"]) == ([], [])
    assert len(list(forty.rglob("*.png"))) == 40


def test_a_sync_that_fails_by_itself_is_no_kill(forty: Path, tmp_path: Path) -> None:
    process = SyncProcess(forty, tmp_path / "data", tmp_path / "no checkpoint")
    with pytest.raises(RuntimeError, match="holds no checkpoint"):
        process.run_until(60)


def test_every_difference_of_two_indexes_is_found(
    run: Callable[..., SyncReport], store: VectorStore, tmp_path: Path
) -> None:
    run()
    with closing(open_store(Settings(tmp_path / "other"))) as other:
        spec = _copy(store, other)
        assert differences(other, store, "photos") == []
        first, second, *_ = list(store.scroll("photos", Distance.EUCLID, with_vectors=True))
        with closing(other.writer(spec)) as writer:
            vectors = {pooling: vector * 1.0001 for pooling, vector in first.vectors.items()}
            writer.upsert([Point(first.id, vectors, {**first.payload, "label": "hot"})])
            writer.delete([second.id])
            writer.publish()
        found = "\n".join(differences(other, store, "photos"))
    for part in (
        "images: 11 where 12",
        f"euclid: {second.payload['path']} is missing",
        f"cosine: {second.payload['path']} is missing",
        f"euclid: {first.payload['path']}: label is 'hot'",
        f"euclid: {first.payload['path']}: its flatten vector is another",
    ):
        assert part in found


def _copy(store: VectorStore, other: VectorStore) -> IndexSpec:
    spec = IndexSpec.of(store.describe("photos"))
    with closing(other.writer(spec)) as writer:
        writer.upsert(
            [
                Point(record.id, record.vectors, record.payload)
                for record in store.scroll("photos", Distance.EUCLID, with_vectors=True)
            ]
        )
        writer.publish()
    return spec
