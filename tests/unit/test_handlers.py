"""What the page shows, from a searcher and from whatever a browser sends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from PIL import Image

from indexer.errors import CollectionBusyError
from indexer.types import Distance, SearchResult
from models.pooling import STANDARD, Pooling
from search_ui import handlers
from search_ui.queries import MAX_K
from tests.fake_searcher import FakeSearcher, draw_hills, draw_pictures

ALL_POOLINGS = ["maxpool", "flatten"]
ALL_DISTANCES = ["cosine", "euclid"]


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> FakeSearcher:
    folder = tmp_path_factory.mktemp("pictures")
    return FakeSearcher(folder, draw_pictures(folder), names=("hills", "other"))


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    folder = tmp_path / "uploads"
    folder.mkdir()
    return folder


def ask(searcher: FakeSearcher, payload: object, uploads: Path, **changes: object) -> handlers.View:
    asked = {
        "dataset": "hills",
        "k": 8,
        "poolings": ALL_POOLINGS,
        "distances": ALL_DISTANCES,
        **changes,
    }
    return handlers.search(searcher, payload=payload, uploads=uploads, **asked)


def stored(searcher: FakeSearcher, index: int = 0) -> dict[str, str]:
    return {"dataset": "hills", "id": str(list(searcher.files)[index])}


def upload(uploads: Path, name: str = "mine.png") -> dict[str, str]:
    draw_hills(0.3, 4).save(uploads / name)
    return {"path": str(uploads / name), "name": name}


def test_a_stored_image_gives_one_row_per_pair_in_order(
    searcher: FakeSearcher, uploads: Path
) -> None:
    board = ask(searcher, stored(searcher), uploads)
    assert board["state"] == "results"
    assert [row["name"] for row in board["rows"]] == [
        "Max pool · Cosine",
        "Max pool · Euclidean",
        "Flatten · Cosine",
        "Flatten · Euclidean",
    ]
    assert all([hit["rank"] for hit in row["hits"]] == list(range(1, 9)) for row in board["rows"])


def test_a_stored_query_is_named_and_left_out_of_its_hits(
    searcher: FakeSearcher, uploads: Path
) -> None:
    asked = stored(searcher)
    board = ask(searcher, asked, uploads)
    assert board["query"]["title"] == "dawn_000.png"
    assert board["query"]["label"] == "dawn"
    assert board["query"]["id"] == asked["id"]
    assert all(hit["id"] != asked["id"] for row in board["rows"] for hit in row["hits"])


def test_rows_count_the_hits_with_the_query_s_label(searcher: FakeSearcher, uploads: Path) -> None:
    row = ask(searcher, stored(searcher), uploads)["rows"][0]
    same = sum(hit["label"] == "dawn" for hit in row["hits"])
    assert row["same"] == f"{same}/8 same label"
    assert [hit["same"] for hit in row["hits"]] == [hit["label"] == "dawn" for hit in row["hits"]]


def test_an_upload_has_its_own_name_and_no_label(searcher: FakeSearcher, uploads: Path) -> None:
    board = ask(searcher, upload(uploads), uploads)
    assert board["query"] == {"title": "mine.png", "label": None}
    assert [row["same"] for row in board["rows"]] == [""] * 4
    assert not any(hit["same"] for row in board["rows"] for hit in row["hits"])


def test_summary_tells_how_many_of_what_and_how_long(searcher: FakeSearcher, uploads: Path) -> None:
    by_upload = ask(searcher, upload(uploads), uploads)["summary"]
    assert by_upload == "8 nearest of 40 · model3-1a2b3c4d · decode 4 ms, encode 20 ms, search 3 ms"
    by_id = ask(searcher, stored(searcher), uploads)["summary"]
    assert by_id == "8 nearest of 40 · model3-1a2b3c4d · search 3 ms"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        ({"decode": 0.0, "encode": 0.0, "search": 0.0001}, "search <1 ms"),
        ({"search": 0.003, "load": 1.5}, "load 1,500 ms, search 3 ms"),
        ({"load": 0.00001, "decode": 0.004, "search": 0.003}, "decode 4 ms, search 3 ms"),
        ({}, ""),
    ],
)
def test_only_steps_worth_telling_are_told(seconds: dict[str, float], text: str) -> None:
    assert handlers.timings(seconds) == text


def test_only_the_chosen_pairs_are_searched(searcher: FakeSearcher, uploads: Path) -> None:
    board = ask(
        searcher, stored(searcher), uploads, k=3, poolings=["flatten"], distances=["euclid"]
    )
    assert [(row["pooling"], row["distance"]) for row in board["rows"]] == [("flatten", "euclid")]
    assert len(board["rows"][0]["hits"]) == 3


@pytest.mark.parametrize("changes", [{"poolings": []}, {"distances": []}])
def test_nothing_chosen_is_explained(
    searcher: FakeSearcher, uploads: Path, changes: dict[str, object]
) -> None:
    assert ask(searcher, stored(searcher), uploads, **changes)["state"] == "unchosen"


def test_a_distance_that_the_dataset_lacks_is_left_out(
    searcher: FakeSearcher, uploads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searcher, "distances", (Distance.COSINE,))
    board = ask(searcher, stored(searcher), uploads)
    assert {row["distance"] for row in board["rows"]} == {"cosine"}
    assert handlers.distance_choices(searcher.datasets()[0]) == [("Cosine", "cosine")]


@pytest.mark.parametrize("poolings", [list(STANDARD), list(Pooling)])
def test_the_poolings_of_the_dataset_are_offered_and_searched_and_no_others(
    searcher: FakeSearcher,
    uploads: Path,
    monkeypatch: pytest.MonkeyPatch,
    poolings: list[Pooling],
) -> None:
    monkeypatch.setattr(searcher, "poolings", tuple(poolings))
    offered = handlers.pooling_choices(searcher.datasets()[0])
    names = ["Max pool", "Flatten", "Average", "GeM", "Whitened"][: len(poolings)]
    assert offered == list(zip(names, map(str, poolings), strict=True))
    board = ask(searcher, stored(searcher), uploads, poolings=list(map(str, Pooling)))
    assert [row["name"] for row in board["rows"]] == [
        f"{name} · {distance}" for name in names for distance in ("Cosine", "Euclidean")
    ]


def test_without_a_dataset_the_standard_poolings_are_offered() -> None:
    assert [value for _, value in handlers.pooling_choices(None)] == ALL_POOLINGS


@pytest.mark.parametrize("payload", [None, {}])
def test_without_a_query_the_page_invites(
    searcher: FakeSearcher, uploads: Path, payload: object
) -> None:
    assert ask(searcher, payload, uploads)["state"] == "start"


def test_a_query_of_another_dataset_is_forgotten(searcher: FakeSearcher, uploads: Path) -> None:
    assert ask(searcher, stored(searcher), uploads, dataset="other")["state"] == "start"
    assert ask(searcher, upload(uploads), uploads, dataset="other")["state"] == "results"


@pytest.mark.parametrize(
    "changes",
    [
        {"k": 10**9},
        {"k": 0},
        {"k": -1},
        {"k": "8"},
        {"k": True},
        {"k": float("nan")},
        {"k": None},
        {"poolings": ["maxpool", "median"]},
        {"poolings": "maxpool"},
        {"poolings": [["maxpool"]]},
        {"distances": ["dot"]},
        {"distances": None},
        {"dataset": "../hills"},
        {"dataset": None},
        {"dataset": ["hills"]},
    ],
)
def test_forged_settings_are_refused_in_one_line(
    searcher: FakeSearcher, uploads: Path, changes: dict[str, object]
) -> None:
    board = ask(searcher, stored(searcher), uploads, **changes)
    assert board["state"] == "error"
    assert board["message"]
    assert "\n" not in board["message"]


@pytest.mark.parametrize(
    "payload",
    [
        "hills",
        ["hills"],
        7,
        {"id": str(uuid4())},
        {"dataset": "hills"},
        {"dataset": "hills", "id": "1 OR 1=1"},
        {"dataset": "hills", "id": 12},
        {"dataset": "hills", "id": str(uuid4())},
        {"dataset": 3, "id": str(uuid4())},
        {"path": None},
        {"path": ["/etc/passwd"]},
        {"path": "/etc/passwd"},
        {"path": "\0"},
        {"path": "x" * 10_000},
        {"path": ""},
    ],
)
def test_forged_queries_are_refused_in_one_line(
    searcher: FakeSearcher, uploads: Path, payload: object
) -> None:
    board = ask(searcher, payload, uploads)
    assert board["state"] == "error"
    assert "passwd" not in board["message"]


def test_only_files_inside_the_upload_folder_are_opened(
    searcher: FakeSearcher, uploads: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "private.png"
    draw_hills(0.1, 1).save(outside)
    (uploads / "link.png").symlink_to(outside)
    paths = [outside, uploads / ".." / "private.png", uploads / "link.png", uploads]
    for path in paths:
        board = ask(searcher, {"path": str(path), "name": "x"}, uploads)
        assert (board["state"], board["message"]) == ("error", "Upload the picture first.")


def test_a_text_file_called_jpg_gets_a_friendly_line(searcher: FakeSearcher, uploads: Path) -> None:
    file = uploads / "notes.jpg"
    file.write_text("no picture at all")
    board = ask(searcher, {"path": str(file), "name": "notes.jpg"}, uploads)
    assert board["state"] == "error"
    assert board["title"] == "That picture cannot be read"
    assert "JPEG, PNG" in board["message"]
    assert str(uploads) not in board["message"]


def test_an_svg_is_no_picture(searcher: FakeSearcher, uploads: Path) -> None:
    file = uploads / "logo.svg"
    file.write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
    assert ask(searcher, {"path": str(file), "name": "logo.svg"}, uploads)["state"] == "error"


@pytest.mark.parametrize("side", [12_000, 20_000])
def test_a_decompression_bomb_is_refused_from_its_header(
    searcher: FakeSearcher, uploads: Path, side: int
) -> None:
    file = uploads / "bomb.png"
    Image.new("1", (side, side)).save(file)
    board = ask(searcher, {"path": str(file), "name": "bomb.png"}, uploads)
    assert board["state"] == "error"
    assert "megapixels" in board["message"]


def test_a_truncated_picture_gets_the_searcher_s_reason(
    searcher: FakeSearcher, uploads: Path
) -> None:
    whole = uploads / "whole.png"
    draw_hills(0.2, 2).save(whole)
    cut = uploads / "cut.png"
    cut.write_bytes(whole.read_bytes()[:300])
    board = ask(searcher, {"path": str(cut), "name": "cut.png"}, uploads)
    assert board["message"] == "The file is damaged or cut short"


def test_expected_errors_of_the_search_become_one_line(
    searcher: FakeSearcher, uploads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object, **__: object) -> SearchResult:
        raise CollectionBusyError("the collection is held by process 7; try again")

    monkeypatch.setattr(searcher, "by_id", busy)
    board = ask(searcher, stored(searcher), uploads)
    assert board["title"] == "The search did not go through"
    assert board["message"] == "The collection is held by process 7; try again"


def test_the_page_opens_with_picks_and_an_invitation(searcher: FakeSearcher) -> None:
    opening = handlers.open_page(searcher)
    assert opening.datasets == ["hills", "other"]
    assert opening.board["state"] == "start"
    assert opening.board["summary"] == "40 images · model3-1a2b3c4d"
    assert len(opening.picks["picks"]) == handlers.PICKS
    assert len(opening.board["gallery"]) == handlers.GALLERY
    assert {pick["label"] for pick in opening.picks["picks"]} >= {"dawn", "rose"}


def test_without_any_dataset_the_page_shows_how_to_make_one(tmp_path: Path) -> None:
    opening = handlers.open_page(FakeSearcher(tmp_path, [], names=()))
    assert opening.info is None
    assert opening.picks == {"dataset": None, "picks": []}
    assert opening.board["state"] == "unindexed"


def test_an_unreadable_index_is_told_on_opening(
    searcher: FakeSearcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy() -> list[object]:
        raise CollectionBusyError("held")

    monkeypatch.setattr(searcher, "datasets", busy)
    assert handlers.open_page(searcher).board["state"] == "error"


def test_choosing_a_dataset_brings_its_own_picks(searcher: FakeSearcher) -> None:
    info, picks = handlers.choose_dataset(searcher, "other")
    assert info is not None
    assert info.name == picks["dataset"] == "other"
    assert handlers.choose_dataset(searcher, "gone")[0] is None


def test_addresses_hold_an_id_and_never_a_path(searcher: FakeSearcher, uploads: Path) -> None:
    board = ask(searcher, stored(searcher), uploads)
    for hit in board["rows"][0]["hits"]:
        dataset, point, kind = hit["thumb"].removeprefix("media/").split("?")[0].split("/")
        assert (dataset, kind, str(UUID(point))) == ("hills", "thumb", hit["id"])
    assert str(searcher.folder) not in repr(board)


def test_thumbnail_addresses_change_with_a_sync(searcher: FakeSearcher) -> None:
    point = next(iter(searcher.files))
    info = searcher.datasets()[0]
    later = handlers.thumb_url(replace(info, synced_at="2026-02-02T00:00:00Z"), point)
    assert later != handlers.thumb_url(info, point)
    assert later.split("?")[0] == handlers.thumb_url(info, point).split("?")[0]


def test_dataset_names_are_quoted_in_addresses(searcher: FakeSearcher) -> None:
    info = searcher.datasets()[0]
    url = handlers.media_url(replace(info, name="a/b ?#"), uuid4(), "thumb")
    assert url.startswith("media/a%2Fb%20%3F%23/")


@pytest.mark.parametrize(
    ("scores", "distance", "texts"),
    [
        ([0.75712, 0.5], Distance.COSINE, ["0.757", "0.500"]),
        ([0.99991, 0.99984], Distance.COSINE, ["0.9999", "0.9998"]),
        ([0.5, 0.5], Distance.COSINE, ["0.50000", "0.50000"]),
        ([-0.00001, -0.4], Distance.COSINE, ["0.000", "-0.400"]),
        ([0.0, 0.25], Distance.EUCLID, ["0.000", "0.250"]),
        ([5.671, 6.33], Distance.EUCLID, ["5.67", "6.33"]),
        ([100.04, 312.0], Distance.EUCLID, ["100.0", "312.0"]),
        ([], Distance.EUCLID, []),
    ],
)
def test_scores_have_the_decimals_that_tell_them_apart(
    scores: list[float], distance: Distance, texts: list[str]
) -> None:
    assert handlers.score_texts(scores, distance) == texts


def test_score_meanings_agree_with_the_distances() -> None:
    assert "higher" in handlers.SCORE_MEANINGS[Distance.COSINE][1]
    assert "lower" in handlers.SCORE_MEANINGS[Distance.EUCLID][1]
    assert set(handlers.SCORE_MEANINGS) == set(handlers.DISTANCE_NAMES) == set(Distance)
    assert set(handlers.POOLING_NAMES) == set(Pooling)


def test_more_hits_than_images_is_fine(searcher: FakeSearcher, uploads: Path) -> None:
    board = ask(searcher, stored(searcher), uploads, k=MAX_K)
    assert board["summary"].startswith("39 nearest of 40")
