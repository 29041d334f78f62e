"""sync: bring the index of a dataset in line with its source.

What was said once of an index holds until something else is said: its distances, its poolings, and
what of its source is taken. :mod:`indexer.sync_run` has the steps.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from indexer.emptiness import EmptinessGuard
from indexer.encoding import ImageEncoder
from indexer.errors import DamagedIndexError, DatasetNotIndexedError, InvalidRequestError
from indexer.failures import read_ledger, reader_of
from indexer.layout import DataFolder
from indexer.leftovers import keep_checkpoint, remove_leftovers
from indexer.schema import IndexSpec, check_dataset
from indexer.store.base import VectorStore
from indexer.sync_options import USUAL, SyncOptions
from indexer.sync_run import SyncRun
from indexer.types import DatasetInfo, Distance, SyncReport
from indexer.workload import Workload
from models.checkpoint import DEFAULT_CHECKPOINT
from models.pooling import STANDARD, Pooling
from models.progress import ProgressFile
from models.sources import EVERY_IMAGE, Source, SourceOptions


def sync(
    source: Source,
    encoder: ImageEncoder,
    store: VectorStore,
    *,
    checkpoint: Path,
    data_dir: Path,
    dataset: str | None = None,
    options: SyncOptions = USUAL,
    workload: Workload | None = None,
    progress: bool = True,
    told: ProgressFile | None = None,
) -> SyncReport:
    """Make the index of ``dataset`` say what ``source`` says; running it again changes nothing.

    Args:
        source: the images; what it was listed with is kept with the index.
        encoder: of ``checkpoint``.
        store: where the index lives, in ``data_dir``.
        checkpoint: folder of the checkpoint; it is copied into ``data_dir``, so that the index
            stays searchable when the folder is trained into again.
        data_dir: the data folder.
        dataset: name of the dataset; the source's own name by default.
        options: what else is asked for.
        workload: how many images are worked on at once; by default what suits the encoder's device.
        progress: show a bar on stderr.
        told: hears how far the sync is.

    Raises:
        CollectionBusyError: another process writes this dataset.
        DataFolderError: the data folder cannot be written.
        InvalidRequestError: not a name for a dataset, or a pooling that the encoder cannot do.
        SourceError: the source has none of the images that are indexed, or none that can be read;
            the index is left as it was.
        VectorSizeError: the encoder's vectors are longer than engines store.
    """
    name = check_dataset(dataset or source.name)
    published = _published(store, name)
    spec = _spec(name, source, encoder, options, published)
    folder = DataFolder(data_dir)
    ledger = read_ledger(folder.failures(name), reader_of(spec, options.max_megapixels))
    if options.retry:
        ledger = ledger.forgiven()
        source = ledger.only_these(source)
        options = replace(options, limit=len(source.files))
    base = published if published and spec.can_start_from(IndexSpec.of(published)) else None
    indexed = published.images if published else 0
    run = SyncRun(
        source=source,
        encoder=encoder,
        store=store,
        spec=spec,
        base=base,
        folder=folder,
        ledger=ledger,
        options=options,
        guard=EmptinessGuard(source, name, indexed, options.allow_empty),
        workload=workload or Workload.on(encoder.device_type),
        progress=progress,
        told=told or ProgressFile(),
    )
    if options.dry_run:
        return run.dry_run()
    folder.prepare()
    keep_checkpoint(checkpoint, encoder, folder)
    return _write(run)


def _write(run: SyncRun) -> SyncReport:
    """Do it with the writer that its options ask for."""
    store, spec = run.store, run.spec
    if run.options.part:
        # What is left over may be what another part is just using.
        with closing(store.part_writer(spec, run.options.part)) as filler:
            return run.fill(filler)
    open_writer = store.finish_writer if run.options.finish else store.writer
    with closing(open_writer(spec)) as writer:
        report = run.run(writer)
    remove_leftovers(store, run.folder)
    return report


def usual_checkpoint(store: VectorStore, dataset: str, data_dir: Path) -> Path:
    """What to encode ``dataset`` with when nobody says: the index's own, or the program's.

    Raises:
        InvalidRequestError: not a name for a dataset.
    """
    published = _published(store, check_dataset(dataset))
    if published is None:
        return DEFAULT_CHECKPOINT
    return DataFolder(data_dir).checkpoints / published.checkpoint


def usual_source_options(store: VectorStore, dataset: str) -> SourceOptions:
    """What to take of the source of ``dataset`` when nobody says: what the last sync took.

    Raises:
        InvalidRequestError: not a name for a dataset.
    """
    published = _published(store, check_dataset(dataset))
    return published.source_options if published else EVERY_IMAGE


def _published(store: VectorStore, dataset: str) -> DatasetInfo | None:
    try:
        return store.describe(dataset)
    except (DatasetNotIndexedError, DamagedIndexError):
        return None


def _spec(
    dataset: str,
    source: Source,
    encoder: ImageEncoder,
    options: SyncOptions,
    published: DatasetInfo | None,
) -> IndexSpec:
    return IndexSpec(
        dataset=dataset,
        arch=encoder.arch,
        fingerprint=encoder.fingerprint,
        image_size=encoder.preprocess.image_size,
        distances=_distances(options.distances, published),
        vector_sizes=_vector_sizes(options.poolings, published, encoder),
        source=source.spec,
        root=str(source.root.absolute()),
        source_options=source.options,
    )


def _distances(asked: tuple[Distance, ...], published: DatasetInfo | None) -> tuple[Distance, ...]:
    """Those asked for, in their order; otherwise those there are, or all."""
    if not asked:
        return published.distances if published else tuple(Distance)
    return tuple(distance for distance in Distance if distance in asked)


def _vector_sizes(
    asked: tuple[Pooling, ...], published: DatasetInfo | None, encoder: ImageEncoder
) -> dict[Pooling, int]:
    """Of the standard poolings and those asked for, in their order; otherwise those there are."""
    if not asked and published:
        asked = tuple(published.vector_sizes)
    wanted = [pooling for pooling in Pooling if pooling in (*STANDARD, *asked)]
    for pooling in wanted:
        if pooling not in encoder.vector_sizes:
            raise InvalidRequestError(
                f"{encoder.name} cannot make {pooling} vectors: its checkpoint has nothing fitted "
                "for them; `python scripts/train.py SOURCE --out DIR --resume` adds that, "
                f"`--pooling {STANDARD[0]}` does without"
            )
    return {pooling: encoder.vector_sizes[pooling] for pooling in wanted}
