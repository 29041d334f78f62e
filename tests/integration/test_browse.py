"""Looking through a dataset: pages, labels, groups, in the order asked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image

from indexer.errors import DatasetNotIndexedError, InvalidRequestError
from indexer.failures import FailurePage
from indexer.grouping import find_groups, store_groups
from indexer.layout import DataFolder
from indexer.schema import point_id
from indexer.search import MAX_PAGE, Searcher
from indexer.store import VectorStore
from indexer.types import Filter, GroupCount, LabelCount, Order, SyncReport
from models.pooling import Pooling
from tests.fake_encoder import FakeEncoder

Sync = Callable[..., SyncReport]


@pytest.fixture
def searcher(store: VectorStore, data: Path) -> Searcher:
    return Searcher(data, store=store, load_encoder=FakeEncoder.load)


@pytest.fixture
def mixed(photos: Path) -> Path:
    """The twelve, and one without a label, larger and older, with a time in it."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2001:02:03 04:05:06"
    loose = photos / "loose.jpg"
    Image.new("RGB", (60, 50), "teal").save(loose, exif=exif)
    os.utime(loose, ns=(10**18, 10**18))
    return photos


def test_pages_follow_one_another_until_every_image_was_shown(
    run: Sync, searcher: Searcher, mixed: Path
) -> None:
    run()
    shown: list[str] = []
    while (page := searcher.page("photos", offset=len(shown), limit=5)).images:
        assert (page.total, page.offset) == (13, len(shown))
        shown += [image.path for image in page.images]
    files = [path.relative_to(mixed).as_posix() for path in mixed.rglob("*.*")]
    assert shown == sorted(files)


def test_a_page_shows_what_is_stored_of_each_image(
    run: Sync, searcher: Searcher, mixed: Path
) -> None:
    run()
    [oldest] = searcher.page("photos", order=Order.OLDEST, limit=1).images
    assert oldest == searcher.details("photos", point_id("photos", "loose.jpg"))
    assert (oldest.path, oldest.label, oldest.format) == ("loose.jpg", None, "JPEG")
    assert (oldest.width, oldest.height) == (60, 50)
    assert oldest.bytes == (mixed / "loose.jpg").stat().st_size
    assert (oldest.mtime, oldest.taken_at) == (10**18, "2001-02-03T04:05:06")
    assert oldest.group is None
    [largest] = searcher.page("photos", order=Order.LARGEST, limit=1).images
    assert largest == oldest


@pytest.mark.usefixtures("mixed")
def test_labels_and_groups_are_counted_and_their_images_are_shown(
    run: Sync, searcher: Searcher, store: VectorStore, data: Path
) -> None:
    run()
    assert searcher.labels("photos") == (
        LabelCount(None, 1),
        LabelCount("cold", 6),
        LabelCount("warm", 6),
    )
    assert {one.format: one.images for one in searcher.formats("photos")} == {"JPEG": 1, "PNG": 12}
    assert searcher.groups("photos") == (GroupCount(None, 13),)
    found = find_groups(store, "photos", pooling=Pooling.MAXPOOL, count=2)
    store_groups(store, found, DataFolder(data))
    groups = searcher.groups("photos")
    assert [one.group for one in groups] == [1, 2]
    for where, images in (
        (Filter(labels=("",)), 1),
        (Filter(labels=("warm",)), 6),
        *((Filter(groups=(one.group or 0,)), one.images) for one in groups),
    ):
        page = searcher.page("photos", where=where, limit=MAX_PAGE)
        assert (len(page.images), page.total) == (images, images)
        assert not where.groups or {image.group for image in page.images} == set(where.groups)


def test_files_that_could_not_be_read_are_listed_some_at_a_time(
    run: Sync, searcher: Searcher, photos: Path, data: Path
) -> None:
    run()
    assert searcher.failures("photos") == FailurePage((), 0, 0)
    for number in range(5):
        (photos / f"broken{number}.jpg").write_text("no image")
    run()
    shown: list[str] = []
    while (page := searcher.failures("photos", offset=len(shown), limit=2)).failures:
        assert (page.total, page.offset) == (5, len(shown))
        assert all(one.reason == "not an image" and one.lasting for one in page.failures)
        shown += [one.path for one in page.failures]
    assert shown == [f"broken{number}.jpg" for number in range(5)]
    for offset in (-2, 5, 10**9):
        assert searcher.failures("photos", offset=offset) == FailurePage((), 5, offset)
    (data / "indexes" / "photos.failures").unlink()  # as where another machine has synced
    assert searcher.failures("photos").total == 0


def test_a_page_of_an_impossible_length_or_of_nothing_is_refused(
    run: Sync, searcher: Searcher
) -> None:
    run()
    for limit in (0, -1, MAX_PAGE + 1):
        for show in (searcher.page, searcher.failures):
            refusal = f"limit = {limit}: ask for 1 to {MAX_PAGE}"
            with pytest.raises(InvalidRequestError, match=refusal):
                show("photos", limit=limit)
    views = (searcher.page, searcher.labels, searcher.formats, searcher.groups, searcher.failures)
    for ask in views:
        with pytest.raises(DatasetNotIndexedError):
            ask(f"absent-{uuid4().hex[:4]}")
    assert searcher.page("photos", offset=99).images == ()
