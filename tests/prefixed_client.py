"""A client whose collections and aliases all begin with a prefix that nobody else's do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qdrant_client import QdrantClient, models

_WITH_NAME = (
    "collection_exists", "count", "create_collection", "create_payload_index", "delete",
    "delete_collection", "get_collection", "query_points", "retrieve", "scroll",
    "set_payload", "update_collection", "upsert",
)  # fmt: skip


class PrefixedClient:
    """The methods of QdrantClient that the store uses; what has no prefix does not exist for it."""

    def __init__(self, client: QdrantClient, prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method not in _WITH_NAME:
            raise AttributeError(method)
        call = getattr(self._client, method)
        return lambda name, *given, **named: call(self._prefix + name, *given, **named)

    def get_collections(self) -> models.CollectionsResponse:
        found = self._client.get_collections().collections
        names = (self._own(one.name) for one in found)
        return models.CollectionsResponse(
            collections=[models.CollectionDescription(name=name) for name in names if name]
        )

    def get_aliases(self) -> models.CollectionsAliasesResponse:
        found = self._client.get_aliases().aliases
        pairs = ((self._own(one.alias_name), self._own(one.collection_name)) for one in found)
        return models.CollectionsAliasesResponse(
            aliases=[
                models.AliasDescription(alias_name=alias, collection_name=target)
                for alias, target in pairs
                if alias and target
            ]
        )

    def update_collection_aliases(self, actions: list[models.AliasOperations]) -> bool:
        prefixed: list[models.AliasOperations] = []
        for action in actions:
            if isinstance(action, models.CreateAliasOperation):
                new = action.create_alias
                create = models.CreateAlias(
                    collection_name=self._prefix + new.collection_name,
                    alias_name=self._prefix + new.alias_name,
                )
                prefixed.append(models.CreateAliasOperation(create_alias=create))
            else:
                assert isinstance(action, models.DeleteAliasOperation)
                delete = models.DeleteAlias(
                    alias_name=self._prefix + action.delete_alias.alias_name
                )
                prefixed.append(models.DeleteAliasOperation(delete_alias=delete))
        return self._client.update_collection_aliases(prefixed)

    def remove_everything(self) -> None:
        """Every collection with the prefix, and no other."""
        for one in self.get_collections().collections:
            self._client.delete_collection(self._prefix + one.name)

    def close(self) -> None:
        self._client.close()

    def _own(self, name: str) -> str | None:
        return name.removeprefix(self._prefix) if name.startswith(self._prefix) else None
