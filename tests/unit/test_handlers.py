"""What the page shows, from a searcher and from whatever a browser sends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from PIL import Image

from indexer.errors import CollectionBusyError
from indexer.types import EVERYTHING, Distance, SearchResult
from models.pooling import STANDARD, Pooling
from search_ui import handlers
from search_ui.media import media_url, thumb_url
from search_ui.queries import MAX_K, Question
from tests.fake_searcher import FakeSearcher, draw_hills, draw_pictures


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> FakeSearcher:
    folder = tmp_path_factory.mktemp("pictures")
    return FakeSearcher(folder, draw_pictures(folder), names=("hills", "other"))


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    folder = tmp_path / "uploads"
    folder.mkdir()
    return folder


def ask(searcher: FakeSearcher, query: object, uploads: Path, **changes: object) -> handlers.View:
    payload = {"dataset": "hills", **query, **changes} if isinstance(query, dict) else query
    return handlers.search(searcher, payload, uploads)


def stored(searcher: FakeSearcher, index: int = 0) -> dict[str, str]:
    return {"id": str(list(searcher.files)[index])}


def upload(uploads: Path, name: str = "mine.png") -> dict[str, str]:
    folder = uploads / "0123abcd"
    folder.mkdir(exist_ok=True)
    draw_hills(0.3, 4).save(folder / name)
    return {"upload": f"{folder.name}/{name}"}


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
    board = ask(searcher, stored(searcher), uploads, k=3, pooling=["flatten"], distance="euclid")
    assert [(row["pooling"], row["distance"]) for row in board["rows"]] == [("flatten", "euclid")]
    assert len(board["rows"][0]["hits"]) == 3


@pytest.mark.parametrize("changes", [{}, {"pooling": []}, {"distance": []}])
def test_what_is_not_chosen_is_all_that_the_dataset_has(
    searcher: FakeSearcher, uploads: Path, changes: dict[str, object]
) -> None:
    assert len(ask(searcher, stored(searcher), uploads, **changes)["rows"]) == 4


@pytest.mark.parametrize("poolings", [STANDARD, tuple(Pooling)])
def test_the_poolings_of_the_dataset_are_searched_and_no_others(
    searcher: FakeSearcher,
    uploads: Path,
    monkeypatch: pytest.MonkeyPatch,
    poolings: tuple[Pooling, ...],
) -> None:
    monkeypatch.setattr(searcher, "poolings", poolings)
    names = ["Max pool", "Flatten", "Average", "GeM", "Whitened"][: len(poolings)]
    for asked in ({}, {"pooling": list(map(str, Pooling))}):
        board = ask(searcher, stored(searcher), uploads, **asked)
        assert [row["name"] for row in board["rows"]] == [
            f"{name} · {distance}" for name in names for distance in ("Cosine", "Euclidean")
        ]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"pooling": ["gem"]}, "pooling; choose from maxpool, flatten."),
        ({"distance": ["euclid"]}, "distance; choose from cosine."),
    ],
)
def test_what_the_dataset_lacks_is_told_with_what_it_has(
    searcher: FakeSearcher,
    uploads: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: dict[str, object],
    said: str,
) -> None:
    monkeypatch.setattr(searcher, "distances", (Distance.COSINE,))
    board = ask(searcher, stored(searcher), uploads, **asked)
    assert board["title"] == "Nothing to compare with"
    assert board["message"] == f"Dataset 'hills' has no such {said}"


def test_filters_leave_out_what_does_not_pass(searcher: FakeSearcher, uploads: Path) -> None:
    board = ask(searcher, stored(searcher), uploads, label=["rose", "dusk"], k=50)
    labels = {hit["label"] for row in board["rows"] for hit in row["hits"]}
    assert labels == {"rose", "dusk"}
    for nothing in ({"min_side": 129}, {"format": "JPEG"}, {"label": "nobody"}):
        board = ask(searcher, stored(searcher), uploads, **nothing)
        assert [row["hits"] for row in board["rows"]] == [[]] * 4


def test_jpeg_means_files_with_two_pictures_too() -> None:
    question = Question(dataset="hills", format="JPEG")  # type: ignore[arg-type]
    assert question.where.formats == ("JPEG", "MPO")
    assert Question(dataset="hills").where == EVERYTHING


@pytest.mark.parametrize("crop", ["0.5,0,1,0.5", [0.5, 0, 1, 0.5]])
def test_a_part_is_searched_with_as_a_picture_of_its_own(
    searcher: FakeSearcher, uploads: Path, crop: object
) -> None:
    whole = upload(uploads)
    with Image.open(uploads / whole["upload"]) as picture:
        picture.crop((64, 0, 128, 64)).save(uploads / "part.png")
    part = ask(searcher, whole, uploads, crop=crop)["rows"]
    assert part == ask(searcher, {"upload": "part.png"}, uploads)["rows"]
    assert part != ask(searcher, whole, uploads)["rows"]
    stored_part = ask(searcher, stored(searcher), uploads, crop=crop)["rows"]
    assert stored_part != ask(searcher, stored(searcher), uploads)["rows"]


def test_every_hit_tells_in_how_many_rows_it_is(searcher: FakeSearcher, uploads: Path) -> None:
    board = ask(searcher, stored(searcher), uploads, k=3)
    ids = [hit["id"] for row in board["rows"] for hit in row["hits"]]
    assert {hit["rows"] for row in board["rows"] for hit in row["hits"]} > {4}
    for row in board["rows"]:
        assert [hit["rows"] for hit in row["hits"]] == [ids.count(h["id"]) for h in row["hits"]]


def test_a_preview_comes_only_where_the_browser_has_no_picture(
    searcher: FakeSearcher, uploads: Path
) -> None:
    query = upload(uploads)
    assert "thumb" not in ask(searcher, query, uploads)["query"]
    preview = ask(searcher, query, uploads, preview=True)["query"]["thumb"]
    assert preview.startswith("data:image/webp;base64,")


def test_a_stored_query_of_another_dataset_is_told(searcher: FakeSearcher, uploads: Path) -> None:
    board = ask(searcher, stored(searcher), uploads, dataset="gone")
    assert (board["title"], board["message"]) == ("That dataset is not here", "No dataset 'gone'")
    assert ask(searcher, upload(uploads), uploads, dataset="other")["state"] == "results"


@pytest.mark.parametrize(
    "changes",
    [
        {"k": 10**9},
        {"k": 0},
        {"k": -1},
        {"k": "eight"},
        {"k": float("nan")},
        {"k": None},
        {"pooling": ["maxpool", "median"]},
        {"pooling": "median"},
        {"pooling": [["maxpool"]]},
        {"distance": ["dot"]},
        {"distance": {"cosine": 1}},
        {"dataset": None},
        {"dataset": ""},
        {"dataset": ["hills"]},
        {"dataset": "x" * 501},
        {"label": 3},
        {"label": ["x"] * 201},
        {"label": ["x" * 501]},
        {"min_side": 0},
        {"min_side": "wide"},
        {"crop": "0,0,1"},
        {"crop": "a,b,c,d"},
        {"crop": [0, 0, 1, 1, 1]},
        {"crop": "0.5,0,0.5,1"},
        {"crop": "-0.1,0,1,1"},
        {"crop": "nan,0,1,1"},
        {"unheard": "of"},
    ],
)
def test_forged_questions_are_refused_in_one_line(
    searcher: FakeSearcher, uploads: Path, changes: dict[str, object]
) -> None:
    board = ask(searcher, stored(searcher), uploads, **changes)
    assert board["state"] == "error"
    assert board["message"]
    assert "\n" not in board["message"]
    assert len(board["message"]) < 400


@pytest.mark.parametrize(
    "query",
    [
        None,
        "hills",
        ["hills"],
        7,
        {},
        {"id": "1 OR 1=1"},
        {"id": 12},
        {"id": str(uuid4())},
        {"upload": None},
        {"upload": ["/etc/passwd"]},
        {"upload": "/etc/passwd"},
        {"upload": "../../../../../../../etc/passwd"},
        {"upload": "\0"},
        {"upload": "x" * 400},
        {"upload": "x" * 10_000},
        {"upload": ""},
        {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
    ],
)
def test_forged_queries_are_refused_in_one_line(
    searcher: FakeSearcher, uploads: Path, query: object
) -> None:
    board = ask(searcher, query, uploads)
    assert board["state"] == "error"
    assert "passwd" not in board["message"]


def test_only_files_inside_the_upload_folder_are_opened(
    searcher: FakeSearcher, uploads: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "private.png"
    draw_hills(0.1, 1).save(outside)
    (uploads / "link.png").symlink_to(outside)
    for place in (str(outside), "../private.png", "link.png", "."):
        board = ask(searcher, {"upload": place}, uploads)
        assert board["title"] == "That picture is not here any more"


def test_a_text_file_called_jpg_gets_a_friendly_line(searcher: FakeSearcher, uploads: Path) -> None:
    file = uploads / "notes.jpg"
    file.write_text("no picture at all")
    board = ask(searcher, {"upload": "notes.jpg"}, uploads)
    assert board["state"] == "error"
    assert board["title"] == "That picture cannot be read"
    assert "JPEG, PNG" in board["message"]
    assert str(uploads) not in board["message"]


def test_an_svg_is_no_picture(searcher: FakeSearcher, uploads: Path) -> None:
    file = uploads / "logo.svg"
    file.write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
    assert ask(searcher, {"upload": "logo.svg"}, uploads)["state"] == "error"


@pytest.mark.parametrize("side", [12_000, 20_000])
def test_a_decompression_bomb_is_refused_from_its_header(
    searcher: FakeSearcher, uploads: Path, side: int
) -> None:
    file = uploads / "bomb.png"
    Image.new("1", (side, side)).save(file)
    board = ask(searcher, {"upload": "bomb.png"}, uploads)
    assert board["state"] == "error"
    assert "megapixels" in board["message"]


def test_a_truncated_picture_gets_the_searcher_s_reason(
    searcher: FakeSearcher, uploads: Path
) -> None:
    whole = uploads / "whole.png"
    draw_hills(0.2, 2).save(whole)
    cut = uploads / "cut.png"
    cut.write_bytes(whole.read_bytes()[:300])
    board = ask(searcher, {"upload": "cut.png"}, uploads)
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


def test_addresses_hold_an_id_and_never_a_path(searcher: FakeSearcher, uploads: Path) -> None:
    board = ask(searcher, stored(searcher), uploads)
    for hit in board["rows"][0]["hits"]:
        dataset, point, kind = hit["thumb"].removeprefix("media/").split("?")[0].split("/")
        assert (dataset, kind, str(UUID(point))) == ("hills", "thumb", hit["id"])
    assert str(searcher.folder) not in repr(board)


def test_thumbnail_addresses_change_with_a_sync(searcher: FakeSearcher) -> None:
    point = next(iter(searcher.files))
    info = searcher.datasets()[0]
    later = thumb_url(replace(info, synced_at="2026-02-02T00:00:00Z"), point)
    assert later != thumb_url(info, point)
    assert later.split("?")[0] == thumb_url(info, point).split("?")[0]


def test_dataset_names_are_quoted_in_addresses(searcher: FakeSearcher) -> None:
    info = searcher.datasets()[0]
    url = media_url(replace(info, name="a/b ?#"), uuid4(), "thumb")
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
