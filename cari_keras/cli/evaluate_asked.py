"""From cari-evaluate's flags to what it found: which protocol, which network, which images."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cari_keras.cli.flags import refuse
from cari_keras.errors import ConfigError
from cari_keras.files import user_path
from cari_keras.ranges import check_range
from cari_keras.vocabulary import FACENET, JUDGED, UNKNOWN

if TYPE_CHECKING:
    from cari_keras.evaluation.matcher import Matcher
    from cari_keras.evaluation.outcome import Outcome
    from cari_keras.evaluation.protocols.fold_runs import FoldRuns


def asked_outcome(given: argparse.Namespace) -> Outcome:
    """What the flags of `evaluate_parser` ask for.

    Raises:
        CariError: Whatever is wrong with the network, the dataset or the settings.
    """
    changes = _changes(given)
    # TensorFlow is loaded only here, so that mistakes in flags are told at once.
    from cari_keras.runtime import in_order

    # As training runs, so that its cached predictions equal new ones.
    with in_order():
        return _evaluate(given, changes)


def _changes(given: argparse.Namespace) -> dict[str, Any]:
    """How the network is to look at an image, where that was given."""
    names = ("flip_test", "test_crops", "view_power", "verify_by", "centre")
    changes = {name: getattr(given, name) for name in names if getattr(given, name) is not None}
    for side in given.test_crops or ():
        check_range("test_crops", side)
    if given.test_crops:
        changes["test_crops"] = tuple(given.test_crops)
    if given.view_power is not None:
        check_range("view_power", given.view_power)
    return changes


def _evaluate(given: argparse.Namespace, changes: dict[str, Any]) -> Outcome:
    from cari_keras.evaluation.matcher import load_matcher
    from cari_keras.serving.judged import load_judged_network

    how = {
        "cache_dir": given.cache_dir,
        "progress": not given.quiet,
        "legacy": given.legacy,
    }
    if given.dataset in JUDGED:
        from cari_keras.evaluation.protocols.judged import evaluate_judged

        if given.data_dir is None:
            raise ConfigError(f"--data-dir is needed for {given.dataset}")
        root, matcher = user_path(given.data_dir), load_judged_network(given.run, changes)
        return evaluate_judged(matcher, given.dataset, root, given.images, **how)
    if given.images is not None:
        from cari_keras.evaluation.protocols.pairs import evaluate_pairs

        matcher = load_judged_network(given.run, changes)
        return evaluate_pairs(matcher, given.images, given.pairs, **how)
    if given.gallery is not None:
        from cari_keras.evaluation.protocols.gallery import evaluate_gallery

        matcher = load_judged_network(given.run, changes)
        return evaluate_gallery(matcher, given.gallery, given.probe, **how)
    if given.run == FACENET and given.dataset is None:
        raise ConfigError("facenet has no dataset of its own; name one with --dataset")
    if given.split == UNKNOWN:
        return _evaluate_unknown(given, load_judged_network(given.run, changes), how)

    from cari_keras.evaluation.protocols.closed_set import evaluate_closed_set
    from cari_keras.evaluation.protocols.fold_runs import FoldRuns, holds_folds
    from cari_keras.evaluation.protocols.webcaricature import evaluate_webcaricature

    names = ("dataset", "data_dir", "protocol", "unseen_fold")
    data = {name: getattr(given, name) for name in names if getattr(given, name) is not None}
    runs = FoldRuns(given.run, changes, data)
    if runs.unseen and given.split is not None and not runs.is_one:
        raise ConfigError(
            f"--split evaluates one run, not a folder of runs; name {given.run}/fold-1, for example"
        )
    if given.collection is not None and given.split is not None:
        raise ConfigError(
            "--collection evaluates the people held out, and --split those of the dataset; "
            "leave one of them out"
        )
    if runs.unseen and given.split is None:
        refuse(
            given, ("protocol", "thresholds_of"), "an evaluation on people held out; leave it out"
        )
        return _evaluate_strangers(given, runs, how)
    refuse(given, ("collection",), "a run that held nobody out (--unseen-fold); leave it out")
    if not holds_folds(Path(given.run)) and given.dataset != "webcaricature":
        matcher = load_matcher(given.run, changes)
        config = matcher.config.with_values(data)
        if config.data.dataset != "webcaricature":
            refuse(given, ("protocol", "folds"), f"the dataset {config.data.dataset}; leave it out")
            of_split = {"split": given.split, "thresholds_of": given.thresholds_of}
            return evaluate_closed_set(matcher, config, **of_split, **how)
    refuse(given, ("split", "thresholds_of"), "the dataset webcaricature; leave it out")
    return evaluate_webcaricature(runs.matcher, runs.config, runs.folds(given.folds), **how)


def _evaluate_unknown(
    given: argparse.Namespace, matcher: Matcher, how: Mapping[str, Any]
) -> Outcome:
    """The dataset's strangers, on whom no run is trained."""
    from cari_keras.align.before import load_faces
    from cari_keras.evaluation.protocols.crossed import evaluate_crossed

    refuse(
        given,
        ("protocol", "folds", "unseen_fold", "thresholds_of"),
        f"the split {UNKNOWN}; leave it out",
    )
    if how["legacy"]:
        raise ConfigError("--legacy applies only to listed pairs and to galleries; leave it out")
    names = ("dataset", "data_dir")
    data = {name: getattr(given, name) for name in names if getattr(given, name) is not None}
    config = matcher.config.with_values({**data, "unseen_fold": None})
    dataset = load_faces(config, progress=how["progress"])
    return evaluate_crossed(
        matcher,
        dataset,
        UNKNOWN,
        title=f"Strangers of {dataset.name}",
        slug=f"{dataset.name}-{UNKNOWN}",
        cache_dir=how["cache_dir"],
        progress=how["progress"],
    )


def _evaluate_strangers(
    given: argparse.Namespace, runs: FoldRuns, how: Mapping[str, Any]
) -> Outcome:
    """The people held out, with the public weights on the same folds beside."""
    from cari_keras.evaluation.answering import PLAIN
    from cari_keras.evaluation.protocols.beside import same_views
    from cari_keras.evaluation.protocols.fold_runs import FoldRuns
    from cari_keras.evaluation.protocols.strangers import evaluate_strangers

    if how["legacy"]:
        raise ConfigError("--legacy applies only to listed pairs and to galleries; leave it out")
    if given.verify_by == "identities":
        raise ConfigError(
            "the people held out are not among the identities that the network knows; "
            "use --verify-by embedding"
        )
    runs.changes = {**runs.changes, "verify_by": "embedding"}
    folds = runs.folds(given.folds)
    asked = {name: how[name] for name in ("cache_dir", "progress")}
    asked |= {"collection": given.collection}
    baselines: dict[str, Outcome] = {}
    if given.run != FACENET:
        config = runs.config(folds[0])
        data = {name: getattr(config.data, name) for name in _OF_DATA}
        data["seed"] = config.training.seed
        views = same_views(runs.matcher(folds[0]))
        # As it comes, of whole pictures; and by what the run looks at, which shows the training.
        whole = {**data, "align": False, "whole_caricatures": False}
        same = {**whole, **{name: getattr(config.data, name) for name in _CUTS}}
        ways: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
            f"{FACENET}, untrained": ({}, whole)
        }
        if same != whole:
            ways["with the same faces and views"] = (views, same)
        elif replace(PLAIN, **views) != PLAIN:
            ways["with the same views"] = (views, same)
        for name, (looked, pictures) in ways.items():
            public = FoldRuns(FACENET, looked, pictures)
            baselines[name] = evaluate_strangers(public.matcher, public.config, folds, **asked)
    return evaluate_strangers(runs.matcher, runs.config, folds, baselines=baselines, **asked)


#: Which cut of a picture a run looks at.
_CUTS = ("align", "whole_caricatures")

#: What decides the people and pictures of an unseen fold, besides the seed.
_OF_DATA = (
    *("dataset", "data_dir", "cache_dir", "final", "unseen_fold", "unseen_seed", "stored_size"),
    *("demo_identities", "demo_images"),
)
