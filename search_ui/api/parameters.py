"""What stands in the addresses of more than one endpoint."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Path

DatasetName = Annotated[str, Path(description="As `GET /api/datasets` lists it.")]
ImageId = Annotated[UUID, Path(description="As searches and lists of images tell it.")]
ArchitectureName = Annotated[str, Path(description="As `GET /api/architectures` lists it.")]
CheckpointName = Annotated[str, Path(description="As `GET /api/checkpoints` lists it.")]
RunName = Annotated[str, Path(description="As `GET /api/study` lists it.")]
JobId = Annotated[str, Path(description="As `GET /api/jobs` lists it.")]
