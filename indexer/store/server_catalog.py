"""What is published on a server: which generation of which collection the aliases name.

The aliases are the only switch, and all of a dataset's are moved in one request. What an index is
(checkpoint, source, number of images) lies in the metadata of the collections themselves, so that
moving the aliases publishes vectors and description in the same instant; no registry can disagree.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from qdrant_client import models

from indexer.errors import DamagedIndexError, DatasetNotIndexedError, StoreError
from indexer.schema import IndexSpec, dataset_of
from indexer.store.checks import not_indexed
from indexer.store.pointer import Pointer, parse_pointer
from indexer.store.server_collection import METADATA, split_physical
from indexer.store.server_link import CollectionGoneError, Link
from indexer.store.server_options import ServerOptions
from indexer.types import Distance

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Published:
    """One published index.

    Attributes:
        pointer: what it is; its distances are those that have an alias.
        names: physical names, by distance.
        options: how its collections are laid out.
    """

    pointer: Pointer
    names: Mapping[Distance, str]
    options: ServerOptions


class Catalog:
    """Reads and moves the aliases of one server."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._known: dict[str, Mapping[str, Any]] = {}

    def datasets(self) -> list[str]:
        """Names of the published datasets, sorted; damaged ones too."""
        return sorted(self._aliases())

    def published(self, dataset: str, *, fresh: bool = False) -> Published | None:
        """What is published of ``dataset``, or None.

        Sizes and checkpoint of a physical collection never change; only who asks for a ``fresh``
        answer pays for reading its description again.

        Raises:
            DamagedIndexError: the description is damaged or of another version.
        """
        for _ in range(3):
            names = self._aliases().get(dataset)
            if names is None:
                return None
            try:
                return self._describe(dataset, names, fresh=fresh)
            except CollectionGoneError:  # replaced between one question and the next
                continue
        raise StoreError(f"dataset {dataset!r} changed too often to be read; try again")

    def require(self, dataset: str, *, fresh: bool = False) -> Published:
        """The same.

        Raises:
            DatasetNotIndexedError: there is none; the text lists those that exist.
        """
        found = self.published(dataset, fresh=fresh)
        if found is None:
            raise self.unknown(dataset)
        return found

    def unknown(self, dataset: str) -> DatasetNotIndexedError:
        """The error for a dataset that is not there."""
        return not_indexed(dataset, f"on {self._link.url}", self.datasets())

    def collections(self, dataset: str) -> list[str]:
        """Physical names of all generations of all checkpoints, published or not; sorted."""
        listed = self._link.call("listing collections", lambda client: client.get_collections())
        return sorted(
            one.name
            for one in listed.collections
            if (parts := split_physical(one.name)) and dataset_of(parts[0]) == dataset
        )

    def metadata(self, name: str) -> Mapping[str, Any]:
        """Our part of the metadata of a physical collection; empty where there is none."""
        found = self._link.call(f"reading {name}", lambda client: client.get_collection(name))
        content = (found.config.metadata or {}).get(METADATA)
        return content if isinstance(content, dict) else {}

    def describe(self, name: str, content: Mapping[str, object]) -> None:
        """Replace our part of the metadata of a physical collection."""
        self._link.call(
            f"describing {name}",
            lambda client: client.update_collection(name, metadata={METADATA: dict(content)}),
        )

    def check_free(self, spec: IndexSpec) -> None:
        """Refuse to take an alias that is somebody else's, before any work is done.

        Raises:
            StoreError: a collection, or an alias of a foreign collection, has such a name.
        """
        wanted = {name for distance in spec.distances for name in _alias_names(spec, distance)}
        listed = self._link.call("listing collections", lambda client: client.get_collections())
        targets = self._targets()
        taken = {one.name for one in listed.collections}
        taken |= {alias for alias, target in targets.items() if split_physical(target) is None}
        for name in sorted(wanted & taken):
            raise StoreError(
                f"{self._link.url} has a collection or alias {name!r} that this program did not "
                "make; remove or rename it there, or choose another --dataset"
            )

    def switch(self, spec: IndexSpec, names: Mapping[Distance, str]) -> None:
        """Let readers see ``names`` and nothing else of the dataset, in one request.

        A server applies it under the lock that every search takes; in a cluster it is one entry of
        the log that all nodes apply in the same order.
        """
        new = {alias: names[one] for one in spec.distances for alias in _alias_names(spec, one)}
        stale = [
            alias
            for alias, target in self._targets().items()
            if _dataset(target) == spec.dataset and alias not in new
        ]
        actions: list[models.AliasOperations] = [
            models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias))
            for alias in stale
        ]
        actions += [
            models.CreateAliasOperation(
                create_alias=models.CreateAlias(collection_name=target, alias_name=alias)
            )
            for alias, target in new.items()
        ]
        self._link.call(
            f"publishing {spec.dataset}",
            lambda client: client.update_collection_aliases(actions),
        )

    def remove(self, names: Iterable[str]) -> None:
        """Remove physical collections, and with them their aliases."""
        for name in names:
            self._remove(name)
            self._known.pop(name, None)

    def _remove(self, name: str) -> None:
        self._link.call(f"removing {name}", lambda client: client.delete_collection(name))

    def _targets(self) -> dict[str, str]:
        found = self._link.call("reading aliases", lambda client: client.get_aliases())
        return {one.alias_name: one.collection_name for one in found.aliases}

    def _aliases(self) -> dict[str, dict[Distance, str]]:
        """Physical names of the published collections, by dataset and distance."""
        found: dict[str, dict[Distance, str]] = {}
        for alias, target in self._targets().items():
            dataset, _, distance = alias.rpartition("__")
            if _dataset(target) == dataset and distance in list(Distance):
                found.setdefault(dataset, {})[Distance(distance)] = target
        return found

    def _describe(self, dataset: str, names: Mapping[Distance, str], *, fresh: bool) -> Published:
        name = next(iter(sorted(names.values())))
        content = self._known.get(name)
        if content is None or fresh:
            content = self._known[name] = self.metadata(name)
        try:
            pointer = parse_pointer(content)
            options = ServerOptions.parse(content.get("options") or {})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DamagedIndexError(
                f"the description of {name} on {self._link.url} is damaged ({error!r}); "
                "`python -m indexer sync` rebuilds the index"
            ) from error
        distances = tuple(one for one in pointer.spec.distances if one in names)
        spec = replace(pointer.spec, dataset=dataset, distances=distances)
        return Published(replace(pointer, spec=spec), dict(names), options)


def _alias_names(spec: IndexSpec, distance: Distance) -> tuple[str, str]:
    """The names that others ask by: without and with the checkpoint."""
    return spec.alias(distance), spec.collection(distance)


def _dataset(physical: str) -> str | None:
    parts = split_physical(physical)
    return dataset_of(parts[0]) if parts else None
