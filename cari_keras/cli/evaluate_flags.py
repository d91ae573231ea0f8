"""The flags of cari-evaluate, and which of them do not go together."""

from __future__ import annotations

import argparse

from cari_keras.cli.flags import given_path
from cari_keras.cli.parser import Parser
from cari_keras.files import user_path
from cari_keras.vocabulary import CENTRES, DATASETS, JUDGED, PROTOCOLS, UNKNOWN, VERIFY_BY

EXAMPLES = """
examples:
  cari-evaluate runs/cavi               the dataset that the run was trained on
  cari-evaluate facenet --dataset cavi --data-dir DIR
                                        the public weights, with no training
  cari-evaluate runs/cavi --images DIR --pairs pairs.csv
                                        CSV of path,path,1|0, or LFW's pairs.txt
  cari-evaluate runs/cavi --gallery DIR --probe DIR
                                        people in both: DIR/<identity>/*
  cari-evaluate facenet --dataset lfw --data-dir DIR
                                        or cfp, sketches, pairs
"""

MORE = """more examples:
  cari-evaluate runs/cavi --split validation
                                        the validation split
  cari-evaluate runs/final --thresholds-of runs/cavi
                                        a run with --final, on the test split
  cari-evaluate runs/webcaricature-unrestricted --folds all
                                        ten folds, each with its own run
  cari-evaluate runs/cavi-unseen-5      people held out: fold-1 to fold-5, each
                                        a run with --unseen-fold K/5
  cari-evaluate runs/cavi-unseen-5 --collection DIR
                                        other pictures of the people held out
  cari-evaluate saved_models/cavi --dataset cavi --data-dir DIR --split unknown
                                        strangers, on whom no run is trained
"""


def evaluate_parser() -> Parser:
    """Of all flags; none has a default."""
    parser = Parser(
        "cari-evaluate",
        "Evaluates a network: prints tables, writes results.json and report.html.",
        EXAMPLES,
        MORE,
    )
    add = parser.add_argument
    add(
        "run",
        metavar="RUN",
        type=given_path,
        help="a run folder, a folder of runs fold-K, a folder of exports, or the word facenet",
    )
    add(
        "--dataset",
        choices=(*DATASETS, *JUDGED),
        help="dataset to evaluate on (default: the run's)",
    )
    add(
        "--data-dir",
        type=given_path,
        metavar="DIR",
        help="the dataset's folder (default: the run's)",
    )
    add(
        "--split",
        choices=("validation", "test", UNKNOWN),
        help="split to evaluate; unknown: the dataset's strangers (default: test where its "
        "images are there, else validation)",
    )
    add(
        "--protocol",
        choices=PROTOCOLS,
        help="protocol of webcaricature, for facenet [unrestricted]",
    )
    add(
        "--folds",
        nargs="+",
        metavar="K",
        help="folds to evaluate: all, or some numbers; for webcaricature also dev",
    )
    add(
        "--unseen-fold",
        metavar="k/K",
        help="fold of people to evaluate on, for facenet (default: the run's)",
    )
    add(
        "--collection",
        type=user_path,
        metavar="DIR",
        help="other pictures of the people held out, DIR/{photo,caricature}/<identity>/*",
    )
    add(
        "--images",
        type=user_path,
        metavar="DIR",
        help="your own images, raw or from cari-align; with lfw, cfp, ... in place of the "
        "dataset's",
    )
    add(
        "--pairs",
        type=user_path,
        metavar="FILE",
        help="pairs of these images: a CSV, or LFW's pairs.txt",
    )
    add(
        "--gallery", type=user_path, metavar="DIR", help="gallery of known people, DIR/<identity>/*"
    )
    add(
        "--probe",
        type=user_path,
        metavar="DIR",
        help="probes to find in the gallery, DIR/<identity>/*",
    )
    switch = argparse.BooleanOptionalAction
    add(
        "--flip-test",
        action=switch,
        help="also evaluate mirror images (default: the run's)",
    )
    add(
        "--test-crops",
        "--crops",
        type=float,
        nargs="+",
        metavar="X",
        help="sides of the central squares to evaluate, as fractions (default: the run's)",
    )
    add(
        "--view-power",
        type=float,
        metavar="P",
        help="weight of a view: the length of its bottleneck to this power (default: the run's)",
    )
    add("--verify-by", choices=VERIFY_BY, help="what verification compares (default: the run's)")
    add(
        "--centre",
        choices=CENTRES,
        help="collection: subtract each modality's mean embedding over the images that are "
        "evaluated together, without using their labels [none]",
    )
    add(
        "--thresholds-of",
        type=given_path,
        metavar="RUN",
        help="threshold source: another run, whose validation pairs give the test pairs' "
        "thresholds; for a run that was trained on the validation images (--final)",
    )
    add(
        "--legacy",
        action="store_true",
        help="also compute the metrics by the published code's faulty arithmetic",
    )
    add(
        "--output",
        type=user_path,
        metavar="DIR",
        help="folder to write (default: one in RUN/evaluation, or in evaluation/ where RUN "
        "cannot be written)",
    )
    add(
        "--cache-dir",
        type=given_path,
        metavar="DIR",
        help="folder that caches images and predictions (default: the per-user cache)",
    )
    add("--quiet", action="store_true", help="print only the tables")
    parser.rare(
        "protocol", "folds", "unseen_fold", "flip_test", "test_crops", "view_power", "centre"
    )
    parser.rare("verify_by", "thresholds_of", "legacy", "cache_dir")
    return parser


def refuse_together(parser: Parser, given: argparse.Namespace) -> None:
    """Ends the program for a flag without the other that it needs, or that would be ignored."""
    judged = given.dataset in JUDGED
    for one, other in (("images", "pairs"), ("gallery", "probe")):
        if judged and one == "images" and given.pairs is None:
            continue
        if (getattr(given, one) is None) != (getattr(given, other) is None):
            parser.error(f"--{one} and --{other} go together; give both")
    of_dataset = (
        "dataset",
        "data_dir",
        "split",
        "thresholds_of",
        "protocol",
        "folds",
        "unseen_fold",
        "collection",
    )
    rules = {"images": ("gallery", *of_dataset), "gallery": of_dataset}
    if given.dataset == "webcaricature":
        rules["dataset"] = ("split", "thresholds_of")
    if judged:
        rules = {
            "dataset": ("pairs", "gallery", *of_dataset[2:]),
            "gallery": of_dataset,
        }
    for one, others in rules.items():
        for other in others:
            if getattr(given, one) is not None and getattr(given, other) is not None:
                flags = [f"--{name.replace('_', '-')}" for name in (one, other)]
                parser.error(f"{flags[0]} and {flags[1]} do not go together; leave one of them out")
