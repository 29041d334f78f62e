"""From a folder of images to hits: pipeline, store and searcher together."""

from __future__ import annotations

import gc
import io
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
import torch
from PIL import Image

from indexer.errors import (
    CheckpointMismatchError,
    CollectionBusyError,
    DatasetNotIndexedError,
    InvalidRequestError,
    PointNotFoundError,
    StoreError,
    VectorSizeError,
)
from indexer.pipeline import sync
from indexer.reading import read_image
from indexer.schema import SCHEMA_VERSION, point_id
from indexer.search import Searcher
from indexer.store import VectorStore
from indexer.thumbnails import THUMBNAIL_SIDE
from indexer.types import Distance, SyncReport
from models import threads
from models.errors import SourceError, UnreadableImageError
from models.pooling import STANDARD, Pooling
from models.preprocess import Preprocess
from models.sources import open_source
from tests.fake_encoder import FakeEncoder, make_checkpoint
from tests.image_files import avif, heic

ALL = list(Pooling)
Sync = Callable[..., SyncReport]


@pytest.fixture
def searcher(store: VectorStore, data: Path) -> Searcher:
    return Searcher(data, store=store, load_encoder=FakeEncoder.load)


def counts(report: SyncReport) -> dict[str, int]:
    names = ("added", "updated", "moved", "unchanged", "removed")
    found = {name: getattr(report, name) for name in names} | {"failed": len(report.failed)}
    return {name: number for name, number in found.items() if number}


def payloads(store: VectorStore, dataset: str = "photos") -> dict[str, dict]:
    return {str(r.payload["path"]): dict(r.payload) for r in store.scroll(dataset, Distance.COSINE)}


def written(data: Path) -> dict[Path, int]:
    """What lies in the data folder, but for the notes of who is reading."""
    return {p: p.stat().st_size for p in data.rglob("*") if p.is_file() and p.suffix != ".holder"}


def recolour(path: Path, colour: tuple[int, int, int] = (7, 77, 7)) -> None:
    Image.new("RGB", (40, 30), colour).save(path)


# --- sync


@pytest.mark.parametrize("poolings", [list(STANDARD), ALL])
def test_every_image_finds_itself_first_in_all_pairs(
    run: Sync, searcher: Searcher, photos: Path, poolings: list[Pooling]
) -> None:
    assert counts(run(poolings=poolings)) == {"added": 12}
    assert list(searcher.describe("photos").vector_sizes) == poolings
    pairs = [(pooling, distance) for pooling in poolings for distance in Distance]
    for path in sorted(photos.rglob("*.png")):
        result = searcher.by_image("photos", path, poolings=poolings, distances=list(Distance), k=3)
        assert [(row.pooling, row.distance) for row in result.rows] == pairs
        for row in result.rows:
            assert row.hits[0].path == path.relative_to(photos).as_posix()
            best = 1.0 if row.distance is Distance.COSINE else 0.0
            assert row.hits[0].score == pytest.approx(best, abs=1e-5)
            assert [hit.rank for hit in row.hits] == [1, 2, 3]


def test_a_second_sync_changes_nothing_and_encodes_nothing(
    run: Sync, checkpoint: Path, store: VectorStore
) -> None:
    run()
    before = payloads(store)
    encoder = FakeEncoder.load(checkpoint)
    assert counts(run(encoder=encoder)) == {"unchanged": 12}
    assert encoder.encoded == 0
    assert payloads(store) == before


def test_payload_is_what_the_documentation_says(
    run: Sync, store: VectorStore, photos: Path
) -> None:
    run(poolings=ALL)
    file = photos / "warm" / "00.png"
    payload = payloads(store)["warm/00.png"]
    [record] = store.retrieve(
        "photos", Distance.EUCLID, [point_id("photos", "warm/00.png")], with_vectors=True
    )
    for pooling in ALL:
        length = float(np.linalg.norm(record.vectors[pooling]))
        assert payload.pop(f"norm_{pooling}") == pytest.approx(length)
    assert len(payload.pop("sha256")) == 64
    assert len(payload.pop("phash")) == 16
    assert payload == {
        "path": "warm/00.png",
        "label": "warm",
        "dataset": "photos",
        "width": 40,
        "height": 30,
        "format": "PNG",
        "bytes": file.stat().st_size,
        "mtime": file.stat().st_mtime_ns,
        "schema": SCHEMA_VERSION,
    }


def test_only_new_and_changed_images_are_encoded(
    run: Sync, checkpoint: Path, photos: Path, store: VectorStore
) -> None:
    run()
    recolour(photos / "warm" / "00.png")
    recolour(photos / "cold" / "new.png")
    (photos / "cold" / "01.png").unlink()
    encoder = FakeEncoder.load(checkpoint)
    assert counts(run(encoder=encoder)) == {
        "added": 1,
        "updated": 1,
        "unchanged": 10,
        "removed": 1,
    }
    assert encoder.encoded == 2
    assert set(payloads(store)) == {
        path.relative_to(photos).as_posix() for path in photos.rglob("*.png")
    }


@pytest.mark.parametrize(
    "pairs",
    [
        {"poolings": poolings, "distances": distances}
        for poolings in (list(STANDARD), ALL)
        for distances in ([Distance.COSINE], list(Distance))
    ],
)
def test_a_moved_file_keeps_its_vectors_and_takes_its_new_label(
    run: Sync,
    checkpoint: Path,
    photos: Path,
    searcher: Searcher,
    pairs: dict[str, list],
) -> None:
    run(**pairs)
    before = searcher.by_image("photos", photos / "warm" / "04.png", **pairs)
    (photos / "warm" / "04.png").rename(photos / "cold" / "moved.png")
    encoder = FakeEncoder.load(checkpoint)
    assert counts(run(encoder=encoder)) == {"moved": 1, "unchanged": 11}
    assert encoder.encoded == 0
    [record] = [r for r in searcher.records("photos") if r.payload["path"] == "cold/moved.png"]
    assert record.payload["label"] == "cold"
    after = searcher.by_image("photos", photos / "cold" / "moved.png", **pairs)
    for old, new in zip(before.rows, after.rows, strict=True):
        assert new.hits[0].path == "cold/moved.png"
        assert [hit.score for hit in new.hits] == pytest.approx(
            [hit.score for hit in old.hits], abs=1e-5
        )


def test_a_touched_file_is_not_encoded_and_not_read_again_afterwards(
    run: Sync, checkpoint: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    (photos / "warm" / "00.png").touch()
    encoder = FakeEncoder.load(checkpoint)
    assert counts(run(encoder=encoder)) == {"unchanged": 12}
    assert encoder.encoded == 0
    monkeypatch.setattr("indexer.changes.hash_file", lambda _: pytest.fail("read again"))
    assert counts(run()) == {"unchanged": 12}


def test_unreadable_files_are_reported_and_the_rest_is_indexed(
    run: Sync, photos: Path, store: VectorStore
) -> None:
    (photos / "warm" / "text.jpg").write_text("not an image")
    recolour(photos / "cold" / "black.png", (0, 0, 0))
    report = run()
    assert counts(report) == {"added": 12, "failed": 2}
    black, text = report.failed
    assert (text.path, text.reason) == ("warm/text.jpg", "not an image")
    assert (black.path, black.reason) == ("cold/black.png", "its maxpool vector is all zero")
    assert len(payloads(store)) == 12


def test_larger_images_than_allowed_are_left_out_and_named(run: Sync, photos: Path) -> None:
    Image.new("RGB", (300, 200), "teal").save(photos / "warm" / "large.png")
    small = {"max_megapixels": 0.05}
    expected = "too large: 300 x 200 px is 0.06 megapixels, the limit is 0.05"
    for report in (run(dry_run=True, **small), run(**small)):
        assert counts(report) == {"added": 12, "failed": 1}
        assert report.failed[0].reason == expected
    assert counts(run()) == {"added": 1, "unchanged": 12}


def test_a_query_has_a_limit_of_its_own(run: Sync, searcher: Searcher, photos: Path) -> None:
    run()
    file = photos / "warm" / "00.png"
    with pytest.raises(UnreadableImageError, match="too large"):
        searcher.by_image("photos", file, max_megapixels=0.0001)
    assert searcher.by_image("photos", file).rows[0].hits


def test_heic_and_avif_are_indexed_and_shown_like_any_other(
    run: Sync, searcher: Searcher, store: VectorStore, photos: Path
) -> None:
    (photos / "warm" / "a.heic").write_bytes(heic(6)())
    (photos / "warm" / "b.HIF").write_bytes(heic(1)())
    (photos / "warm" / "c.avif").write_bytes(avif())
    assert counts(run()) == {"added": 15}
    payload = payloads(store)["warm/a.heic"]
    assert (payload["format"], payload["width"], payload["height"]) == ("HEIF", 96, 72)
    [row] = searcher.by_image("photos", photos / "warm" / "a.heic", k=3).rows
    assert {hit.path for hit in row.hits} == {"warm/a.heic", "warm/b.HIF", "warm/c.avif"}
    thumbnail = searcher.thumbnail("photos", row.hits[0].id)
    with Image.open(thumbnail) as image:
        assert (image.format, image.size) == ("WEBP", (96, 72))
    thumbnail.unlink()
    assert searcher.thumbnail("photos", row.hits[0].id).is_file()


def test_a_file_that_became_unreadable_leaves_the_index(
    run: Sync, photos: Path, store: VectorStore
) -> None:
    run()
    (photos / "warm" / "00.png").write_text("damaged")
    assert counts(run()) == {"unchanged": 11, "removed": 1, "failed": 1}
    assert "warm/00.png" not in payloads(store)


def test_when_no_file_can_be_read_the_index_stays_as_it_was(
    run: Sync, photos: Path, store: VectorStore
) -> None:
    run()
    for path in photos.rglob("*.png"):
        path.write_text("damaged")
    with pytest.raises(SourceError, match=r"none of the 12 images.*cold/01\.png: not an image"):
        run()
    assert len(payloads(store)) == 12


def test_images_in_a_folder_that_cannot_be_listed_are_kept(
    store: VectorStore, photos: Path, checkpoint: Path, data: Path
) -> None:
    source = open_source(str(photos), workspace=data)
    options = {"checkpoint": checkpoint, "data_dir": data, "progress": False}
    sync(source, FakeEncoder.load(checkpoint), store, **options)
    blind = replace(
        source,
        files=tuple(file for file in source.files if file.label == "cold"),
        unreadable=(("warm", "permission denied"),),
    )
    report = sync(blind, FakeEncoder.load(checkpoint), store, **options)
    assert counts(report) == {"unchanged": 6, "failed": 1}
    assert len(payloads(store)) == 12


def test_limit_takes_the_first_files_and_removes_none(run: Sync, photos: Path) -> None:
    assert counts(run(limit=4)) == {"added": 4}
    assert counts(run(limit=6)) == {"added": 2, "unchanged": 4}
    for path in photos.rglob("*.png"):
        if path.name not in {"01.png", "03.png"}:
            path.unlink()
    assert counts(run(limit=1)) == {"unchanged": 1}
    assert counts(run()) == {"unchanged": 2, "removed": 4}


def test_a_dry_run_counts_the_same_and_writes_nothing(run: Sync, photos: Path, data: Path) -> None:
    (photos / "warm" / "text.jpg").write_text("not an image")
    expected = run(dry_run=True)
    assert not data.exists()
    assert counts(run()) == counts(expected) == {"added": 12, "failed": 1}
    recolour(photos / "warm" / "00.png")
    (photos / "warm" / "02.png").rename(photos / "cold" / "moved.png")
    (photos / "warm" / "04.png").unlink()
    (photos / "warm" / "06.png").write_text("damaged")
    before = written(data)
    expected = run(dry_run=True)
    assert written(data) == before
    assert counts(run()) == counts(expected)
    assert counts(expected) == {
        "updated": 1,
        "moved": 1,
        "unchanged": 8,
        "removed": 2,
        "failed": 2,
    }


def test_an_interrupted_sync_is_continued_where_it_stopped(
    run: Sync, checkpoint: Path, store: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(FakeEncoder):
        def vectors(self, *arguments):
            if self.encoded == 8:
                raise KeyboardInterrupt
            return super().vectors(*arguments)

    monkeypatch.setattr("indexer.sync_run.BATCH", 2)
    monkeypatch.setattr("indexer.workload.usable_cores", lambda: 1)  # files one after the other
    with pytest.raises(KeyboardInterrupt):
        run(encoder=Interrupted.load(checkpoint))
    assert store.datasets() == []
    encoder = FakeEncoder.load(checkpoint)
    assert counts(run(encoder=encoder)) == {"added": 4, "unchanged": 8}
    assert encoder.encoded == 4
    assert len(payloads(store)) == 12


def test_torch_has_its_threads_back_after_a_sync(
    run: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A sync that an earlier test broke off is under way as long as its traceback is kept.
    gc.collect()
    monkeypatch.setattr(threads, "_threads_before", [])
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        run()
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_without_distances_a_sync_keeps_those_there_are(run: Sync, store: VectorStore) -> None:
    run(distances=[Distance.COSINE])
    run()
    assert store.describe("photos").distances == (Distance.COSINE,)
    report = run(distances=[Distance.EUCLID, Distance.COSINE])
    assert counts(report) == {"added": 12}
    assert store.describe("photos").distances == tuple(Distance)
    assert [name.rsplit("__")[-1] for name in report.collections] == ["cosine", "euclid"]


def test_a_new_index_has_the_standard_poolings_and_further_ones_on_demand(
    run: Sync, store: VectorStore, checkpoint: Path
) -> None:
    run()
    assert tuple(store.describe("photos").vector_sizes) == STANDARD
    encoder = FakeEncoder.load(checkpoint)
    assert counts(run(poolings=[Pooling.WHITENED, Pooling.GEM], encoder=encoder)) == {"added": 12}
    assert encoder.encoded == 12
    assert store.describe("photos").vector_sizes == {
        Pooling.MAXPOOL: 3, Pooling.FLATTEN: 48, Pooling.GEM: 3, Pooling.WHITENED: 40
    }  # fmt: skip


def test_without_poolings_a_sync_keeps_those_there_are_and_one_of_the_standard_drops_them(
    run: Sync, store: VectorStore, checkpoint: Path, photos: Path
) -> None:
    run(poolings=[Pooling.AVERAGE])
    recolour(photos / "warm" / "00.png")
    encoder = FakeEncoder.load(checkpoint)
    assert counts(run(encoder=encoder)) == {"updated": 1, "unchanged": 11}
    assert encoder.encoded == 1
    assert tuple(store.describe("photos").vector_sizes) == (*STANDARD, Pooling.AVERAGE)
    assert counts(run(poolings=[Pooling.MAXPOOL])) == {"added": 12}
    assert tuple(store.describe("photos").vector_sizes) == STANDARD
    assert "norm_average" not in payloads(store)["warm/00.png"]


def test_the_old_poolings_are_searched_until_the_new_ones_are_all_there(
    run: Sync, searcher: Searcher, checkpoint: Path, photos: Path
) -> None:
    image = photos / "warm" / "00.png"

    class Meanwhile(FakeEncoder):
        def vectors(self, *arguments):
            assert searcher.by_image("photos", image).rows[0].hits[0].path == "warm/00.png"
            with pytest.raises(InvalidRequestError, match="no gem vectors, only maxpool, flatten"):
                searcher.by_image("photos", image, poolings=[Pooling.GEM])
            return super().vectors(*arguments)

    run()
    run(encoder=Meanwhile.load(checkpoint), poolings=[Pooling.GEM])
    assert searcher.by_image("photos", image, poolings=[Pooling.GEM]).rows[0].hits


def test_an_interrupted_change_of_poolings_is_continued(
    run: Sync, checkpoint: Path, store: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(FakeEncoder):
        def vectors(self, *arguments):
            if self.encoded == 8:
                raise KeyboardInterrupt
            return super().vectors(*arguments)

    monkeypatch.setattr("indexer.sync_run.BATCH", 2)
    monkeypatch.setattr("indexer.workload.usable_cores", lambda: 1)  # files one after the other
    run()
    with pytest.raises(KeyboardInterrupt):
        run(encoder=Interrupted.load(checkpoint), poolings=[Pooling.GEM])
    assert tuple(store.describe("photos").vector_sizes) == STANDARD
    assert counts(run(poolings=[Pooling.GEM])) == {"added": 4, "unchanged": 8}
    assert tuple(store.describe("photos").vector_sizes) == (*STANDARD, Pooling.GEM)


@pytest.mark.parametrize("dry_run", [False, True])
def test_whitened_vectors_are_refused_of_a_checkpoint_without_a_whitening(
    run: Sync, checkpoint: Path, store: VectorStore, dry_run: bool
) -> None:
    plain = FakeEncoder.load(checkpoint)
    plain.whitening = None
    refusal = rf"{plain.name} cannot make whitened vectors"
    with pytest.raises(InvalidRequestError, match=refusal):
        run(encoder=plain, poolings=[Pooling.WHITENED], dry_run=dry_run)
    assert store.datasets() == []
    run(poolings=[Pooling.WHITENED])
    with pytest.raises(InvalidRequestError, match=refusal):
        run(encoder=plain, dry_run=dry_run)
    assert plain.encoded == 0
    assert counts(run(encoder=plain, poolings=[Pooling.MAXPOOL], dry_run=dry_run)) == {"added": 12}


def test_vectors_too_long_for_an_engine_are_refused_before_any_work(
    run: Sync, checkpoint: Path
) -> None:
    encoder = FakeEncoder.load(checkpoint)
    encoder.latent_shape, encoder.whitening = (512, 14, 14), None
    with pytest.raises(VectorSizeError, match="flatten"):
        run(encoder=encoder)
    assert encoder.encoded == 0


def test_a_dataset_s_name_can_be_given_and_is_checked(run: Sync, store: VectorStore) -> None:
    run(dataset="holiday", limit=2)
    assert [info.name for info in store.datasets()] == ["holiday"]
    with pytest.raises(InvalidRequestError, match="'A b'"):
        run(dataset="A b")


# --- checkpoints


def test_an_index_stays_searchable_when_its_checkpoint_is_trained_again(
    run: Sync, searcher: Searcher, photos: Path, checkpoint: Path
) -> None:
    run()
    make_checkpoint(checkpoint, "second")
    result = searcher.by_image("photos", photos / "warm" / "00.png")
    assert result.rows[0].hits[0].path == "warm/00.png"


def test_a_damaged_copy_of_the_checkpoint_is_renewed_by_a_sync(
    run: Sync, data: Path, checkpoint: Path
) -> None:
    kept = data / "checkpoints" / run().checkpoint / "model.safetensors"
    kept.write_text("damaged")
    run()
    assert kept.read_bytes() == (checkpoint / "model.safetensors").read_bytes()


def test_another_checkpoint_replaces_the_index_and_the_copy(
    run: Sync, searcher: Searcher, tmp_path: Path, data: Path, photos: Path
) -> None:
    run()
    old = searcher.by_image("photos", photos / "warm" / "00.png").checkpoint
    second = make_checkpoint(tmp_path / "other", "second")
    assert counts(run(folder=second)) == {"added": 12}
    new = searcher.by_image("photos", photos / "warm" / "00.png").checkpoint
    assert old != new == searcher.describe("photos").checkpoint
    assert [path.name for path in (data / "checkpoints").iterdir()] == [new]
    assert len(list((data / "collections").iterdir())) == 2


def test_a_search_with_another_checkpoint_is_refused_with_both_names(
    run: Sync, searcher: Searcher, photos: Path, checkpoint: Path, tmp_path: Path
) -> None:
    used = run().checkpoint
    other = make_checkpoint(tmp_path / "other", "second")
    image = photos / "warm" / "00.png"
    with pytest.raises(CheckpointMismatchError) as refusal:
        searcher.by_image("photos", image, checkpoint=other)
    assert used in str(refusal.value)
    assert FakeEncoder.load(other).name in str(refusal.value)
    assert searcher.by_image("photos", image, checkpoint=checkpoint).rows[0].hits


def test_an_encoder_other_than_the_index_s_is_never_searched_with(
    run: Sync, searcher: Searcher, data: Path, photos: Path
) -> None:
    used = run().checkpoint
    make_checkpoint(data / "checkpoints" / used, "second")
    with pytest.raises(CheckpointMismatchError, match=used):
        searcher.by_image("photos", photos / "warm" / "00.png")


def test_an_answer_that_another_checkpoint_overtook_is_refused(
    run: Sync, store: VectorStore, data: Path, photos: Path, tmp_path: Path
) -> None:
    class Overtaken(Searcher):
        def _rows(self, *arguments, **options):
            run(folder=make_checkpoint(tmp_path / "other", "second"))
            return super()._rows(*arguments, **options)

    run()
    searcher = Overtaken(data, store=store, load_encoder=FakeEncoder.load)
    with pytest.raises(CheckpointMismatchError, match="search again"):
        searcher.by_image("photos", photos / "warm" / "00.png")


# --- search


def test_a_search_by_id_leaves_the_image_out_and_agrees_with_the_one_by_file(
    run: Sync, searcher: Searcher, photos: Path
) -> None:
    run(poolings=ALL)
    pairs = {"poolings": ALL, "distances": list(Distance)}
    by_file = searcher.by_image("photos", photos / "warm" / "04.png", k=6, **pairs)
    by_id = searcher.by_id("photos", point_id("photos", "warm/04.png"), k=5, **pairs)
    assert by_id.query is not None
    assert by_id.query.path == "warm/04.png"
    for one, other in zip(by_file.rows, by_id.rows, strict=True):
        assert [hit.path for hit in one.hits[1:]] == [hit.path for hit in other.hits]
        assert [hit.score for hit in one.hits[1:]] == pytest.approx(
            [hit.score for hit in other.hits], abs=1e-5
        )


def test_a_query_is_given_as_file_or_as_bytes(run: Sync, searcher: Searcher, photos: Path) -> None:
    run()
    file = photos / "warm" / "04.png"
    one, other = searcher.by_image("photos", file), searcher.by_image("photos", file.read_bytes())
    assert one.rows[0].hits == other.rows[0].hits
    assert set(one.seconds) >= {"decode", "encode", "search"}


def test_a_large_photo_is_decoded_small_but_no_smaller_than_its_thumbnail() -> None:
    content = io.BytesIO()
    Image.new("RGB", (4000, 3000), "teal").save(content, "JPEG")
    opened = read_image(content.getvalue(), Preprocess(32))
    assert (opened.width, opened.height) == (4000, 3000)
    assert 4000 > opened.image.width >= THUMBNAIL_SIDE


def test_the_encoder_is_loaded_once(
    run: Sync, store: VectorStore, data: Path, photos: Path
) -> None:
    run()
    loaded = []

    def load(folder: Path) -> FakeEncoder:
        loaded.append(folder)
        return FakeEncoder.load(folder)

    searcher = Searcher(data, store=store, load_encoder=load)
    threads = [
        threading.Thread(target=searcher.by_image, args=("photos", photos / "warm" / "00.png"))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loaded) == 1


@pytest.mark.parametrize("k", [0, -1, 1_001])
def test_k_outside_its_limits_is_refused(
    run: Sync, searcher: Searcher, photos: Path, k: int
) -> None:
    run(limit=2)
    with pytest.raises(InvalidRequestError, match="1 to 1000"):
        searcher.by_image("photos", photos / "warm" / "00.png", k=k)
    with pytest.raises(InvalidRequestError, match="1 to 1000"):
        searcher.by_id("photos", uuid4(), k=k)


@pytest.mark.parametrize("pooling", [pooling for pooling in Pooling if pooling not in STANDARD])
def test_a_pooling_that_the_dataset_lacks_is_refused_with_those_it_has(
    run: Sync, searcher: Searcher, photos: Path, pooling: Pooling
) -> None:
    run()
    refusal = f"'photos' has no {pooling} vectors, only maxpool, flatten; .*--pooling {pooling}"
    with pytest.raises(InvalidRequestError, match=refusal):
        searcher.by_image("photos", photos / "warm" / "00.png", poolings=[*STANDARD, pooling])
    with pytest.raises(InvalidRequestError, match=refusal):
        searcher.by_id("photos", point_id("photos", "warm/00.png"), poolings=[pooling])


def test_questions_without_an_answer_are_refused(
    run: Sync, searcher: Searcher, photos: Path
) -> None:
    with pytest.raises(DatasetNotIndexedError):
        searcher.by_image("photos", photos / "warm" / "00.png")
    run()
    (photos / "text.jpg").write_text("not an image")
    with pytest.raises(UnreadableImageError):
        searcher.by_image("photos", photos / "text.jpg")
    for ask in (searcher.by_id, searcher.details, searcher.thumbnail, searcher.original):
        with pytest.raises(PointNotFoundError):
            ask("photos", uuid4())


def test_a_sample_is_spread_over_the_labels_and_read_once(
    run: Sync, searcher: Searcher, store: VectorStore, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    sample = searcher.sample("photos", 4)
    assert [image.label for image in sample] == ["cold", "warm", "cold", "warm"]
    assert len(searcher.sample("photos", 100)) == 12
    monkeypatch.setattr(store, "scroll", lambda *_, **__: pytest.fail("read again"))
    assert searcher.sample("photos", 4) == sample
    monkeypatch.undo()
    (photos / "new").mkdir()
    recolour(photos / "new" / "a.png")
    run()
    assert [image.label for image in searcher.sample("photos", 3)] == ["cold", "new", "warm"]


def test_thumbnails_and_originals_are_given_by_id(
    run: Sync, searcher: Searcher, photos: Path
) -> None:
    run()
    point = point_id("photos", "warm/00.png")
    assert searcher.details("photos", point).label == "warm"
    assert searcher.original("photos", point) == (photos / "warm" / "00.png").resolve()
    thumbnail = searcher.thumbnail("photos", point)
    before = thumbnail.read_bytes()
    thumbnail.unlink()
    assert searcher.thumbnail("photos", point).read_bytes() == before, "made again"


def test_an_original_that_is_gone_is_told(run: Sync, searcher: Searcher, photos: Path) -> None:
    run()
    point = point_id("photos", "warm/00.png")
    searcher.thumbnail("photos", point).unlink()
    (photos / "warm" / "00.png").unlink()
    for ask in (searcher.original, searcher.thumbnail):
        with pytest.raises(PointNotFoundError, match=r"warm/00\.png"):
            ask("photos", point)


def test_no_file_outside_the_source_is_ever_given(
    run: Sync, searcher: Searcher, store: VectorStore, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    secret = photos.parent / "secret.png"
    recolour(secret)
    point = point_id("photos", "warm/00.png")
    [record] = store.retrieve("photos", Distance.COSINE, [point])
    for path in ("../secret.png", str(secret)):
        forged = replace(record, payload={**record.payload, "path": path})
        monkeypatch.setattr(store, "retrieve", lambda *_, found=forged, **__: [found])
        with pytest.raises(PointNotFoundError):
            searcher.original("photos", point)
    monkeypatch.undo()
    (photos / "warm" / "00.png").unlink()
    (photos / "warm" / "00.png").symlink_to(secret)
    with pytest.raises(PointNotFoundError):
        searcher.original("photos", point)


# --- what is left behind


def test_thumbnails_of_removed_images_go_unless_another_dataset_shows_them(
    run: Sync, photos: Path, data: Path
) -> None:
    def thumbnails() -> int:
        return len(list((data / "thumbnails").rglob("*.webp")))

    run()
    run(dataset="again", limit=1)
    assert thumbnails() == 12
    (photos / "cold" / "01.png").unlink()
    (photos / "cold" / "03.png").unlink()
    run()
    assert thumbnails() == 11


def test_a_busy_dataset_is_not_synced_twice_at_once(
    run: Sync, store: VectorStore, checkpoint: Path
) -> None:
    run()
    info = store.describe("photos")

    class Meanwhile(FakeEncoder):
        def vectors(self, *arguments):
            with pytest.raises(CollectionBusyError, match="'photos'"):
                run()
            return super().vectors(*arguments)

    shutil.rmtree(checkpoint)
    make_checkpoint(checkpoint, "second")
    run(encoder=Meanwhile.load(checkpoint), limit=1)
    assert store.describe("photos").checkpoint != info.checkpoint


def test_a_damaged_index_is_rebuilt_by_the_next_sync(
    run: Sync, store: VectorStore, data: Path
) -> None:
    run()
    (data / "indexes" / "photos.json").write_text("{")
    with pytest.raises(StoreError):
        store.describe("photos")
    assert counts(run()) == {"added": 12}
    assert len(payloads(store)) == 12


@pytest.mark.parametrize("exact", [False, True])
def test_every_question_brings_the_coarse_vector_of_its_image(
    run: Sync,
    store: VectorStore,
    searcher: Searcher,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    exact: bool,
) -> None:
    run()
    asked = []
    real = store.query

    def note(*arguments: object, **options: object) -> object:
        asked.append(options)
        return real(*arguments, **options)

    monkeypatch.setattr(store, "query", note)
    image = photos / "warm" / "04.png"
    point = point_id("photos", "warm/04.png")
    options = {"poolings": [Pooling.FLATTEN], "distances": list(Distance), "exact": exact}
    by_image = searcher.by_image("photos", image, **options)
    by_id = searcher.by_id("photos", point, **options)
    assert [row.hits[0].path for row in by_image.rows] == ["warm/04.png"] * 2
    assert all(hit.id != point for row in by_id.rows for hit in row.hits)
    encoder = FakeEncoder()
    pixels = encoder.preprocess.pixels(read_image(image, encoder.preprocess).image)
    coarse = encoder.vectors(pixels[None], [Pooling.MAXPOOL])[Pooling.MAXPOOL][0]
    unit = coarse / np.linalg.norm(coarse)
    assert [options["exact"] for options in asked] == [exact] * 4
    for options, right in zip(asked, (coarse, coarse, unit, coarse), strict=True):
        assert options["coarse"] == pytest.approx(right, abs=1e-6)
