"""Evaluations for people and for machines: tables of at most 120 columns, and plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from textwrap import fill
from typing import TYPE_CHECKING

from indexer.recommend import Contender, Recommendation

if TYPE_CHECKING:
    from indexer.bootstrap import Comparison, Estimate
    from indexer.copy_evaluation import CopyEvaluation, CopyScores
    from indexer.evaluation import RetrievalScores
    from indexer.label_evaluation import Evaluation

_WIDTH = 120
_FORM = "{:<29} {:<15} {:>12} {:>12} {:>12} {:>12} {:>12}"
_INTERVALS = "± is half the width of the 95 % bootstrap interval over queries"


def evaluation_table(evaluation: Evaluation) -> str:
    """One line per representation and pair, the best precision marked, and what to search with."""
    rows = evaluation.rows
    best = max(row.scores.precision_at_k.value for row in rows)
    lines = [_header("", "pair", k=rows[0].scores.k)]
    for row in rows:
        mark = "  <- best" if row.scores.precision_at_k.value == best else ""
        contender = row.contender
        lines.append(_line(contender.representation, contender.pair, row.scores) + mark)
    queries = rows[0].scores.queries
    lines.append(f"{queries:,} queries, each left out of its own answers; {_INTERVALS}")
    return "\n".join([*lines, "", fill(evaluation.recommendation.reason, width=_WIDTH)])


def label_table(evaluation: Evaluation) -> str:
    """One line per label for the recommended pair."""
    row = next(row for row in evaluation.pairs if _is_chosen(row.contender, evaluation))
    k = row.scores.k
    title = f"{row.contender.representation}, {row.contender.pair}"
    lines = [title, _header("label", "queries", k=k)]
    for label, scores in row.per_query.by_label().items():
        lines.append(_line(label[:29], f"{scores.queries:,}", scores))
    return "\n".join(lines)


def stem_table(evaluation: Evaluation) -> str:
    """Recall@k by the name of the file to be found: one line per representation and pair."""
    k = evaluation.rows[0].scores.k
    shares = [
        (row.contender, {**row.by_stem, "all": row.scores.recall_at_k}) for row in evaluation.rows
    ]
    return f"recall@{k} by file name\n" + _share_table(shares)


def copies_table(evaluation: CopyEvaluation) -> str:
    """Recall@1 by kind of copy: one line per representation and pair, with the reciprocal rank."""
    shares = [
        (
            row.contender,
            {kind: scores.recall_at_1 for kind, scores in row.by_kind.items()}
            | {"all": row.overall.recall_at_1, "MRR": row.overall.reciprocal_rank},
        )
        for row in evaluation.rows
    ]
    lines = [
        "recall@1 by kind of copy: how often the original comes first",
        _share_table(shares),
        f"copies of {evaluation.originals:,} of {evaluation.images:,} images; all and MRR (mean "
        "reciprocal rank) over every kind",
        "",
        fill(evaluation.recommendation.reason, width=_WIDTH),
    ]
    return "\n".join(lines)


def evaluation_json(evaluation: Evaluation, *, per_class: bool) -> dict[str, object]:
    """Plain values for ``json.dumps``."""
    rows = []
    for row in evaluation.rows:
        content = _contender_json(row.contender) | {"scores": asdict(row.scores)}
        if row.by_stem:
            content["recall_by_stem"] = _plain(row.by_stem)
        if per_class:
            content["by_label"] = _plain(row.per_query.by_label())
        rows.append(content)
    return {
        "dataset": evaluation.dataset,
        "rows": rows,
        "recommendation": _recommendation_json(evaluation.recommendation),
    }


def copies_json(evaluation: CopyEvaluation) -> dict[str, object]:
    """Plain values for ``json.dumps``."""
    rows = [
        _contender_json(row.contender)
        | {"overall": asdict(row.overall), "by_kind": _plain(row.by_kind)}
        for row in evaluation.rows
    ]
    return {
        "dataset": evaluation.dataset,
        "images": evaluation.images,
        "originals": evaluation.originals,
        "rows": rows,
        "recommendation": _recommendation_json(evaluation.recommendation),
    }


def _header(first: str, second: str, *, k: int) -> str:
    return _FORM.format(first, second, "P@1", f"precision@{k}", f"recall@{k}", f"nDCG@{k}", "mAP")


def _line(first: str, second: str, scores: RetrievalScores) -> str:
    means = (
        scores.precision_at_1,
        scores.precision_at_k,
        scores.recall_at_k,
        scores.ndcg_at_k,
        scores.mean_average_precision,
    )
    return _FORM.format(first, second, *map(str, means))


def _is_chosen(contender: Contender, evaluation: Evaluation) -> bool:
    chosen = evaluation.recommendation
    return (contender.pooling, contender.distance) == (chosen.pooling, chosen.distance)


def _share_table(rows: Iterable[tuple[Contender, Mapping[str, Estimate]]]) -> str:
    """One column of three decimals per share, as wide as its name."""
    lines: list[str] = []
    for contender, shares in rows:
        widths = [max(5, len(name)) + 1 for name in shares]
        columns = list(zip(shares.items(), widths, strict=True))
        if not lines:
            names = "".join(f"{name:>{width}}" for (name, _), width in columns)
            lines.append(f"{'':<29} {'pair':<15}{names}")
        values = "".join(f"{share.value:>{width}.3f}" for (_, share), width in columns)
        lines.append(f"{contender.representation:<29} {contender.pair:<15}{values}")
    return "\n".join(lines)


def _contender_json(contender: Contender) -> dict[str, object]:
    return {
        "representation": contender.representation,
        "pooling": contender.pooling,
        "distance": contender.distance,
        "size": contender.size,
    }


def _plain(values: Mapping[str, Estimate | RetrievalScores | CopyScores]) -> dict[str, object]:
    return {name: asdict(value) for name, value in values.items()}


def _recommendation_json(recommendation: Recommendation) -> dict[str, object]:
    return {
        "pooling": recommendation.pooling,
        "distance": recommendation.distance,
        "next_best": recommendation.next_best,
        "difference": _comparison_json(recommendation.difference),
        "baseline": recommendation.baseline,
        "above_baseline": _comparison_json(recommendation.above_baseline),
        "reason": recommendation.reason,
    }


def _comparison_json(comparison: Comparison | None) -> dict[str, object] | None:
    if comparison is None:
        return None
    return {**asdict(comparison.difference), "verdict": comparison.verdict}
