from uuid import UUID

import pytest

from indexer.errors import InvalidRequestError
from indexer.schema import IndexSpec, check_dataset, check_poolings, dataset_of, point_id
from indexer.types import Distance
from models.pooling import Pooling

SPEC = IndexSpec(
    dataset="my_pets-2",
    arch="model6",
    fingerprint="0123456789abcdef" * 4,
    image_size=224,
    distances=(Distance.EUCLID,),
    vector_sizes={Pooling.MAXPOOL: 512, Pooling.FLATTEN: 25_088},
    source="demo",
    root="/demo",
)


def test_point_ids_never_change() -> None:
    assert point_id("pets", "cats/1.jpg") == UUID("a4c51413-68dd-5f98-8fe0-6c7a3b08d267")
    assert point_id("pets", "cats/2.jpg") != point_id("pets", "cats/1.jpg")
    assert point_id("dogs", "cats/1.jpg") != point_id("pets", "cats/1.jpg")


def test_collection_names_say_dataset_checkpoint_and_distance() -> None:
    assert SPEC.collection(Distance.COSINE) == "my_pets-2__model6-01234567__cosine"
    assert SPEC.collections == ("my_pets-2__model6-01234567__euclid",)
    assert SPEC.alias(Distance.COSINE) == "my_pets-2__cosine"
    assert dataset_of(SPEC.collections[0]) == "my_pets-2"


@pytest.mark.parametrize(
    "name", ["", "Pets", "a/b", "..", "a b", "a__b", "é", "x" * 65, "a\n", "--force"]
)
def test_names_that_cannot_be_part_of_a_collection_are_refused(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="cannot name a dataset"):
        check_dataset(name)
    assert check_dataset("my_pets-2") == "my_pets-2"


def test_a_pooling_that_is_not_stored_is_refused_with_those_that_are() -> None:
    check_poolings("pets", SPEC.vector_sizes, [Pooling.FLATTEN, Pooling.MAXPOOL])
    with pytest.raises(
        InvalidRequestError, match=r"'pets' has no gem vectors, only maxpool, flatten; .*sync"
    ):
        check_poolings("pets", SPEC.vector_sizes, [Pooling.MAXPOOL, Pooling.GEM])
