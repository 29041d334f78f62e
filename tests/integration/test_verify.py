"""verify: a sound index passes, and each thing that can be wrong is named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from PIL import Image
from qdrant_edge import EdgeShard

from indexer.cli import main
from indexer.pipeline import sync
from indexer.store import VectorStore, edge_shard
from indexer.sync_options import SyncOptions
from indexer.types import Distance, Point, Record, SyncReport
from indexer.verification import CHECKS, Verification, verify
from models.errors import EmptySourceError
from models.pooling import Pooling
from models.sources import PlacedSource, SourceOptions, open_source
from tests.fake_encoder import FakeEncoder, make_checkpoint

Sync = Callable[..., SyncReport]
Verify = Callable[..., dict[str, str]]


@pytest.fixture
def failed(run: Sync, store: VectorStore, data: Path) -> Verify:
    """Sync once, then verify as often as asked; returns the failed checks and their details."""
    run()
    store.close()

    def failed(asked: VectorStore = store) -> dict[str, str]:
        found = verified(asked, data)
        asked.close()
        assert [check.name for check in found.checks] == list(CHECKS)
        for check in found.checks:
            assert bool(check.remedy) is not check.ok
        return {check.name: check.detail for check in found.checks if not check.ok}

    return failed


def verified(store: VectorStore, data: Path, sample: int = 100) -> Verification:
    return verify(store, data, "photos", load_encoder=FakeEncoder.load, sample=sample)


@contextmanager
def opened_up(data: Path, distance: Distance) -> Iterator[EdgeShard]:
    """The published collection itself, to do to it what the store would refuse."""
    [path] = (data / "collections").glob(f"photos__*__{distance}/gen-0001")
    shard = edge_shard.load_shard(path)
    yield shard
    shard.close()


def contents(data: Path) -> dict[Path, bytes]:
    """All files but the engine's own, which it tidies up as it opens them."""
    files = [path for path in data.rglob("*") if path.is_file()]
    return {path: path.read_bytes() for path in files if data / "collections" not in path.parents}


def stored_points(shard: EdgeShard) -> list[Record]:
    records, _ = edge_shard.page(shard, None, with_vectors=True)
    return records


def changed(record: Record, **changes: object) -> Point:
    return replace(Point(record.id, dict(record.vectors), dict(record.payload)), **changes)


def test_a_sound_index_passes_and_nothing_is_written(
    failed: Verify, store: VectorStore, data: Path, photos: Path
) -> None:
    (photos / "warm" / "new.png").write_bytes((photos / "warm" / "00.png").read_bytes())
    before = contents(data)
    assert failed() == {}
    assert contents(data) == before
    details = {check.name: check.detail for check in verified(store, data).checks}
    assert "1 files not indexed yet" in details["files"]
    assert "48 are finite" in details["vectors"]
    assert "flatten/euclid 1.0000" in details["recall"]
    assert "12 of 12 sampled" in details["encoding"]


def test_an_index_of_all_poolings_and_one_distance_passes(failed: Verify, run: Sync) -> None:
    run(poolings=list(Pooling), distances=[Distance.COSINE])
    assert failed() == {}


def test_an_empty_index_passes(
    failed: Verify, store: VectorStore, data: Path, photos: Path
) -> None:
    for path in photos.rglob("*.png"):
        path.unlink()
    with pytest.raises(EmptySourceError) as empty:
        open_source(str(photos), workspace=data)
    [kept] = (data / "checkpoints").iterdir()
    sync(
        empty.value.source,
        FakeEncoder.load(kept),
        store,
        checkpoint=kept,
        data_dir=data,
        options=SyncOptions(allow_empty=True),
        progress=False,
    )
    assert store.describe("photos").images == 0
    assert failed() == {}


def test_another_checkpoint_in_place_of_the_kept_one(failed: Verify, data: Path) -> None:
    [kept] = (data / "checkpoints").iterdir()
    make_checkpoint(kept, "second")
    assert list(failed()) == ["checkpoint"]
    shutil.rmtree(kept)
    assert "holds no checkpoint" in failed()["checkpoint"]


def test_a_point_lost_from_one_collection(failed: Verify, data: Path) -> None:
    with opened_up(data, Distance.EUCLID) as shard:
        edge_shard.delete(shard, [stored_points(shard)[0].id])
    assert "holds 11 images instead of 12" in failed()["collections"]


def test_another_point_in_one_collection(failed: Verify, data: Path) -> None:
    with opened_up(data, Distance.EUCLID) as shard:
        first = stored_points(shard)[0]
        edge_shard.delete(shard, [first.id])
        edge_shard.upsert(shard, [changed(first, id=uuid4())])
    assert failed()["collections"] == "euclid lacks 1 points and has 1 more"


def test_a_doubled_image_under_two_ids(failed: Verify, data: Path) -> None:
    for distance in Distance:
        with opened_up(data, distance) as shard:
            first, second, *_ = stored_points(shard)
            edge_shard.upsert(shard, [changed(second, payload=dict(first.payload))])
    assert "1 points whose id or schema is not that of their path" in failed()["collections"]


def test_payloads_that_differ_between_the_collections(failed: Verify, data: Path) -> None:
    with opened_up(data, Distance.EUCLID) as shard:
        first = stored_points(shard)[0]
        edge_shard.upsert(shard, [changed(first, payload={**first.payload, "label": "hot"})])
    assert failed() == {"collections": "euclid has 1 other payloads"}


@pytest.mark.parametrize(
    ("vector", "reason"),
    [
        (np.full(3, np.nan, np.float32), "is not finite"),
        (np.zeros(3, np.float32), "is all zero"),
        (np.full(3, 7, np.float32), "has length 12.1244 where"),
    ],
)
def test_a_vector_that_is_none(failed: Verify, data: Path, vector: np.ndarray, reason: str) -> None:
    with opened_up(data, Distance.EUCLID) as shard:
        first = stored_points(shard)[0]
        vectors = {**first.vectors, Pooling.MAXPOOL: vector}
        edge_shard.upsert(shard, [changed(first, vectors=vectors)])
    found = failed()
    assert f"its maxpool vector (euclid) {reason}" in found["vectors"]
    assert "1 of 48 are wrong" in found["vectors"]
    assert "1 give other vectors than stored" in found["encoding"]


def test_a_payload_without_the_length_of_its_vector(failed: Verify, data: Path) -> None:
    for distance in Distance:
        with opened_up(data, distance) as shard:
            first = stored_points(shard)[0]
            del first.payload["norm_flatten"]
            edge_shard.upsert(shard, [changed(first)])
    assert "has no length in its payload" in failed()["vectors"]


def test_vectors_of_another_image_are_found_by_encoding_again(failed: Verify, data: Path) -> None:
    for distance in Distance:
        with opened_up(data, distance) as shard:
            first, second, *_ = stored_points(shard)
            norms = {k: v for k, v in second.payload.items() if k.startswith("norm_")}
            payload = {**first.payload, **norms}
            edge_shard.upsert(shard, [changed(second, id=first.id, payload=payload)])
    found = failed()
    assert list(found) == ["encoding"]
    assert str(first.payload["path"]) in found["encoding"]


def test_files_that_are_gone_moved_or_changed(failed: Verify, photos: Path) -> None:
    (photos / "warm" / "00.png").unlink()
    (photos / "warm" / "02.png").rename(photos / "warm" / "moved.png")
    Image.new("RGB", (40, 30), "teal").save(photos / "warm" / "04.png")
    (photos / "cold" / "01.png").touch()
    found = failed()
    assert list(found) == ["files"]
    assert found["files"].startswith("12 images: 2 without a file (1 of them moved), 1 changed")


def test_files_that_were_excluded_are_not_missed(
    store: VectorStore, data: Path, photos: Path, checkpoint: Path
) -> None:
    taken = SourceOptions(("cold/",), labels="/a/file/that/is/away.csv")
    placed = PlacedSource(str(photos), "photos", photos)
    source = replace(placed.listed(SourceOptions(taken.exclude)), options=taken)
    sync(
        source,
        FakeEncoder.load(checkpoint),
        store,
        checkpoint=checkpoint,
        data_dir=data,
        progress=False,
    )
    (photos / "warm" / "new.png").write_bytes((photos / "warm" / "00.png").read_bytes())
    [check] = [check for check in verified(store, data).checks if check.name == "files"]
    assert check.ok
    assert "1 files not indexed yet" in check.detail


def test_second_copies_that_a_data_set_holds_are_not_missed(
    store: VectorStore, data: Path, photos: Path, checkpoint: Path
) -> None:
    (photos / "cold").rename(photos / "resized")
    art = PlacedSource("kaggle:ikarus777/best-artworks-of-all-time", "photos", photos)
    sync(
        art.listed(),
        FakeEncoder.load(checkpoint),
        store,
        checkpoint=checkpoint,
        data_dir=data,
        progress=False,
    )
    assert store.describe("photos").images == 6
    [check] = [check for check in verified(store, data).checks if check.name == "files"]
    assert "0 files not indexed yet" in check.detail


def test_a_source_that_is_not_there(failed: Verify, photos: Path) -> None:
    photos.rename(photos.parent / "elsewhere")
    found = failed()
    assert list(found) == ["files", "encoding"]
    assert f"{photos} is not there" in found["files"]
    photos.mkdir()
    assert "12 without a file" in failed()["files"]


def test_missing_thumbnails(failed: Verify, data: Path) -> None:
    next((data / "thumbnails").rglob("*.webp")).unlink()
    assert failed() == {"thumbnails": "1 of 12 are missing"}


def test_a_search_that_misses_neighbours(failed: Verify, store: VectorStore) -> None:
    class Forgetful:
        """Its approximate search does not find the nearest image."""

        def __init__(self, whole: VectorStore) -> None:
            self._whole = whole

        def __getattr__(self, name: str) -> object:
            return getattr(self._whole, name)

        def query(
            self, *arguments: object, limit: int, exact: bool = False, **options: object
        ) -> object:
            hits = self._whole.query(*arguments, limit=limit + 1, exact=exact, **options)
            return hits[:limit] if exact else hits[1:]

    forgetful = Forgetful(store)
    found = failed(forgetful)
    assert list(found) == ["recall"]
    assert "maxpool/cosine 0.9000" in found["recall"]


def test_unpublished_work(failed: Verify, run: Sync, photos: Path, checkpoint: Path) -> None:
    class Interrupted(FakeEncoder):
        def vectors(self, *_):
            raise KeyboardInterrupt

    (photos / "warm" / "00.png").rename(photos / "warm" / "moved.png")
    Image.new("RGB", (40, 30), "teal").save(photos / "warm" / "new.png")
    with pytest.raises(KeyboardInterrupt):
        run(encoder=Interrupted.load(checkpoint))
    assert failed()["leftovers"].count("gen-0002") == 2
    run()
    assert failed() == {}


def test_the_sample_is_as_large_as_asked(failed: Verify, store: VectorStore, data: Path) -> None:
    assert failed() == {}
    found = verified(store, data, sample=5)
    details = {check.name: check.detail for check in found.checks}
    assert "5 of 5 sampled" in details["encoding"]
    assert "of 5 stored vectors" in details["recall"]


def test_the_command_prints_each_check_and_fails_with_their_names(
    failed: Verify,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("models.encoder.Encoder", FakeEncoder)
    command = ["verify", "photos", "--data-dir", str(data)]
    assert main(command) == 0
    assert capsys.readouterr().out.count(" ok ") == len(CHECKS)
    next((data / "thumbnails").rglob("*.webp")).unlink()
    assert main(command) == 1
    out, err = capsys.readouterr()
    assert "thumbnails   FAILED  1 of 12 are missing" in out
    assert "thumbnails: nothing: the page makes each again" in out
    assert "error: 1 of 8 checks of 'photos' failed: thumbnails\n" in err
    assert main([*command, "--json"]) == 1
    content = json.loads(capsys.readouterr().out)
    assert (content["dataset"], content["ok"]) == ("photos", False)
    assert [check["name"] for check in content["checks"] if not check["ok"]] == ["thumbnails"]
    assert failed().keys() == {"thumbnails"}
