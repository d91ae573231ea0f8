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
                                        path,path,1|0, or LFW's pairs.txt
  cari-evaluate runs/cavi --gallery DIR --probe DIR
                                        whoever of DIR/<identity>/* is in both
  cari-evaluate facenet --dataset lfw --data-dir DIR
                                        or cfp, sketches, pairs
"""

MORE = """more examples:
  cari-evaluate runs/cavi --split validation
                                        not the test split
  cari-evaluate runs/final --thresholds-of runs/cavi
                                        a run with --final, on the test split
  cari-evaluate runs/webcaricature-unrestricted --folds all
                                        ten folds, each by its run
  cari-evaluate runs/cavi-unseen-5      people never seen, fold-1 to fold-5, each
                                        by its run with --unseen-fold K/5
  cari-evaluate runs/cavi-unseen-5 --collection DIR
                                        the same people in other pictures
  cari-evaluate saved_models/cavi --dataset cavi --data-dir DIR --split unknown
                                        strangers, whom no run is trained on
"""


def evaluate_parser() -> Parser:
    """Of all flags; none has a default."""
    parser = Parser(
        "cari-evaluate",
        "Evaluates a network: a table, results.json and a report.html with pictures.",
        EXAMPLES,
        MORE,
    )
    add = parser.add_argument
    add(
        "run",
        metavar="RUN",
        type=given_path,
        help="a run folder, a folder of runs fold-K or of exports, or the word facenet",
    )
    add("--dataset", choices=(*DATASETS, *JUDGED), help="dataset (default: the run's)")
    add(
        "--data-dir",
        type=given_path,
        metavar="DIR",
        help="the dataset's folder (default: the run's)",
    )
    add(
        "--split",
        choices=("validation", "test", UNKNOWN),
        help="default: test, where its images are; unknown: the dataset's strangers",
    )
    add("--protocol", choices=PROTOCOLS, help="webcaricature, with facenet [unrestricted]")
    add("--folds", nargs="+", metavar="K", help="all, or some; of webcaricature also dev")
    add("--unseen-fold", metavar="k/K", help="people held out, with facenet (default: the run's)")
    add(
        "--collection",
        type=user_path,
        metavar="DIR",
        help="the people held out in other pictures, DIR/{photo,caricature}/<identity>/*",
    )
    add(
        "--images",
        type=user_path,
        metavar="DIR",
        help="any images, raw or from cari-align; with lfw, cfp, ... in place of their own",
    )
    add("--pairs", type=user_path, metavar="FILE", help="pairs of them: a CSV, or LFW's pairs.txt")
    add("--gallery", type=user_path, metavar="DIR", help="a gallery, DIR/<identity>/*")
    add("--probe", type=user_path, metavar="DIR", help="probes to look for in it")
    switch = argparse.BooleanOptionalAction
    add("--flip-test", action=switch, help="mirror images too (default: the run's)")
    add(
        "--test-crops",
        "--crops",
        type=float,
        nargs="+",
        metavar="X",
        help="sides of central squares (run's)",
    )
    add(
        "--view-power",
        type=float,
        metavar="P",
        help="views with a longer bottleneck count more, by its length to this power (run's)",
    )
    add("--verify-by", choices=VERIFY_BY, help="what is compared (run's)")
    add(
        "--centre",
        choices=CENTRES,
        help="collection: take the mean embedding of each modality off, over the images that are "
        "evaluated together, without their labels [none]",
    )
    add(
        "--thresholds-of",
        type=given_path,
        metavar="RUN",
        help="the test pairs' thresholds come from another run's validation pairs: for a run that "
        "was trained on the validation images (--final)",
    )
    add(
        "--legacy",
        action="store_true",
        help="also by the published code's faulty arithmetic",
    )
    add(
        "--output",
        type=user_path,
        metavar="DIR",
        help="default: a folder in RUN/evaluation, or in evaluation/ where that cannot be written",
    )
    add(
        "--cache-dir",
        type=given_path,
        metavar="DIR",
        help="where images and answers are kept (per-user cache)",
    )
    add("--quiet", action="store_true", help="only the tables")
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
            parser.error(f"--{one} and --{other} go together")
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
                parser.error(f"{flags[0]} and {flags[1]} do not go together")
