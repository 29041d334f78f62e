"""What a source passes over: what systems and tools leave behind, and what the user excludes."""

from __future__ import annotations

from collections.abc import Sequence

from models.errors import SourceError

_SKIPPED_NAMES = frozenset(
    (
        # Synology, QNAP and other NAS: thumbnails and bins
        "@eadir",
        "#recycle",
        "@recycle",
        "@recently-snapshot",
        "#snapshot",
        "@tmp",
        # Windows
        "$recycle.bin",
        "recycler",
        "system volume information",
        "thumbs.db",
        # macOS, as archives and network shares keep it
        "__macosx",
        "network trash folder",
        "temporary items",
        # Linux
        "lost+found",
        # tools: thumbnails, previews, dependencies
        "node_modules",
        "__pycache__",
        "_thumbnails",
        "_thumbs",
    )
)
"""Names (case folded) of files and folders made by a system or a tool. Those that start with a dot
(.@__thumb, .AppleDouble, .Trashes, .thumbnails, .git, ...) are hidden and passed over anyway."""


def is_skipped(name: str) -> bool:
    """Hidden, or made by an operating system or a tool."""
    return name.startswith(".") or name.casefold() in _SKIPPED_NAMES


class Exclusion:
    """The user's patterns, with the meaning they have in a ``.gitignore``.

    ``*.png`` and ``thumbs/`` match at any depth, ``a/b`` and ``/a`` from the root, ``**`` stands
    for any folders, and ``!keep.png`` takes a file back; case matters.

    Args:
        patterns: the later ones have the last word.

    Raises:
        SourceError: not a pattern.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        from pathspec import GitIgnoreSpec

        try:
            self._spec = GitIgnoreSpec.from_lines(patterns)
        except ValueError as error:
            raise SourceError(
                f"not a pattern to exclude: {error}; give one as in a .gitignore"
            ) from error

    def matches(self, relative: str) -> bool:
        """Whether a path below the root is excluded; it has ``/``, a folder one at its end too."""
        return self._spec.match_file(relative)
