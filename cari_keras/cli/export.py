"""cari-export: exports a network for TensorFlow Serving and other run-times."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from cari_keras.cli.again import tell_next
from cari_keras.cli.flags import given_path, refuse, run_program
from cari_keras.cli.parser import Parser
from cari_keras.errors import AlignError, DatasetError
from cari_keras.evaluation.open_set import FPIR
from cari_keras.files import user_path
from cari_keras.runtime import load_tensorflow
from cari_keras.shipped import shipped_run, tell_licence
from cari_keras.vocabulary import FORMATS, MODALITIES, PIXELS_AND_BYTES, PRECISIONS

if TYPE_CHECKING:
    from cari_keras.evaluation.matcher import Matcher
    from cari_keras.serving.thresholds import Thresholds

EXAMPLES = """
examples:
  cari-export                           the network that comes with cari_keras
  cari-export runs/cavi                 into saved_models/
  cari-export runs/cavi models --far 0.01
                                        `same` accepts at most 1 % of impostors
  cari-export facenet                   the public weights: verification only
  docker compose -f saved_models/docker-compose.yml up
                                        serves them: REST 8501, gRPC 8500
"""

MORE = """more examples:
  cari-export runs/final --thresholds-of runs/cavi
                                        a run with --final, which has none itself
  cari-export runs/cavi --keep 3        remove older versions
  cari-export runs/cavi --precision float32
                                        for processors without bfloat16
  cari-export runs/cavi --format onnx   into onnx_models/; prints what changes
  cari-export runs/cavi --format openvino --int8
                                        in 8 bits, calibrated on the run's images
  cari-export --format onnx --int8 --calibrate pictures/
                                        calibrated on pictures of your own
"""


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Entry point of the console script; returns the exit status."""
    return run_program("cari-export", _main, sys.argv[1:] if arguments is None else arguments)


def _main(arguments: Sequence[str]) -> int:
    parser = Parser(
        "cari-export",
        "Exports each branch of a network, as a SavedModel or for another run-time.",
        EXAMPLES,
        MORE,
    )
    parser.add_argument(
        "run",
        metavar="RUN",
        nargs="?",
        type=given_path,
        help="a run folder, or the word facenet [the network that comes with cari_keras]",
    )
    parser.add_argument(
        "folder",
        metavar="DIR",
        nargs="?",
        type=user_path,
        help="folder to write [saved_models; for other formats onnx_models and so on]",
    )
    parser.add_argument(
        "--far",
        type=float,
        metavar="X",
        help="largest share of impostor pairs that `same` accepts: pairs of the dataset's "
        "strangers, or else its validation pairs [the threshold of highest accuracy; "
        "without `same` where the pairs cannot support a decision]. facenet takes 0.1, "
        "0.01 or 0.001 [the threshold of highest mean of TAR and 1 - FAR, up to a FAR of "
        "0.1]",
    )
    parser.add_argument(
        "--fpir",
        type=float,
        metavar="X",
        help=f"largest share of strangers' images to take for a known person [{FPIR}]",
    )
    parser.add_argument(
        "--thresholds-of",
        type=given_path,
        metavar="RUN",
        help="threshold source: another run of the same settings, for a run that was trained "
        "on its validation images (--final) and has no thresholds",
    )
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="arithmetic of the exports and of their thresholds; choose float32 where the "
        "servers' processors have no instructions for bfloat16 [the run's]",
    )
    parser.add_argument(
        "--data-dir", type=given_path, metavar="DIR", help="the dataset's folder, if it has moved"
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default=FORMATS[0],
        help="saved_model for TensorFlow Serving; onnx, openvino and litert for ONNX Runtime, "
        "OpenVINO and LiteRT; load_model opens all of them [%(default)s]",
    )
    parser.add_argument(
        "--int8",
        action="store_true",
        help="for onnx and openvino: convolutions in 8 bits, calibrated on training images",
    )
    parser.add_argument(
        "--calibrate",
        type=given_path,
        metavar="PICTURES",
        help="pictures of any people, to calibrate --int8 on [the run's training images]",
    )
    parser.add_argument(
        "--default-signature",
        choices=PIXELS_AND_BYTES,
        default=PIXELS_AND_BYTES[0],
        help="what `serving_default` takes. bytes: files, for platforms that call no other "
        "signature, such as Vertex AI; `serving_pixels` then takes pixels [%(default)s]",
    )
    parser.add_argument(
        "--keep",
        type=int,
        metavar="N",
        help="keep only the newest N versions of each model in DIR [all versions]",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.rare("thresholds_of", "precision", "fpir", "default_signature", "keep")
    parser.rare("format", "int8", "calibrate")
    given = parser.parse_args(arguments)
    served = given.format == FORMATS[0]
    folder = given.folder or Path("saved_models" if served else f"{given.format}_models")
    if not served and given.default_signature != PIXELS_AND_BYTES[0]:
        parser.error(
            "--default-signature applies only to the format saved_model: the other formats "
            "take pixels; leave it out"
        )
    if given.keep is not None and given.keep < 1:
        parser.error(
            f"--keep must be at least 1, since the new version stays. Received: {given.keep}"
        )
    if own := given.run is None:
        given.run = str(shipped_run())

    load_tensorflow()
    from cari_keras.evaluation.matcher import judge_of, load_matcher
    from cari_keras.serving.export import export, read_card
    from cari_keras.serving.forms import form_of
    from cari_keras.serving.kept import read_kept, without_dataset
    from cari_keras.serving.public import public_thresholds
    from cari_keras.serving.thresholds import NO_THRESHOLDS, thresholds_of

    matcher = load_matcher(given.run, {}, precision=given.precision)
    if own:
        tell_licence()
    if matcher.run is None:
        whose = f"{given.run}, which has its own thresholds and names nobody; leave it out"
        refuse(given, ("fpir", "thresholds_of", "data_dir"), whose)
        judge, thresholds = None, public_thresholds(far=given.far)
        _tell(thresholds, matcher)
    elif judge := judge_of(matcher, given.thresholds_of):
        asked = {"far": given.far, "fpir": given.fpir, "data_dir": given.data_dir}
        try:
            thresholds = thresholds_of(judge, **asked, progress=not given.quiet)
            _tell(thresholds, judge)
        except (DatasetError, AlignError, OSError) as error:
            if given.thresholds_of or any(value is not None for value in asked.values()):
                raise  # they are what was asked for
            lacks = without_dataset(error).lacks
            kept = read_kept(judge)
            thresholds = NO_THRESHOLDS if kept is None else kept
            if kept is None:
                judge = None
                print(
                    f"The exports have no thresholds: {lacks}. So they have no signature "
                    "verify, and call nobody unknown"
                )
            else:
                print(f"The exports take the thresholds that are stored in the run: {lacks}")
                _tell(kept, matcher)
    elif kept := read_kept(matcher):
        # Other formats are compared on the dataset, and calibrated.
        moot = ("far", "fpir", "data_dir") if served else ("far", "fpir")
        refuse(given, moot, f"{given.run}, which has stored its own thresholds; leave it out")
        judge, thresholds = matcher, kept
        _tell(kept, matcher)
    else:
        refuse(
            given,
            ("far", "fpir", "data_dir"),
            f"{given.run}, which was trained on its validation images too (--final) and "
            "has no thresholds; name another run with --thresholds-of",
        )
        thresholds = NO_THRESHOLDS
        print(
            f"{given.run} was trained on its validation images too (--final), so it has "
            "no thresholds. The exports have no signature verify, and call nobody "
            "unknown; --thresholds-of RUN takes the thresholds of a run without --final"
        )
    form = form_of(
        matcher,
        given.format,
        int8=given.int8,
        calibrate=None if given.calibrate is None else Path(given.calibrate),
        data_dir=given.data_dir,
        progress=not given.quiet,
    )
    written = export(
        matcher,
        thresholds,
        folder,
        judge,
        default=given.default_signature,
        keep=given.keep,
        form=form,
    )
    for path in written:
        print(path)
        if not served:
            _tell_format(read_card(path))
    if not served:
        return 0
    serve = ["docker", "compose", "-f", str(folder / "docker-compose.yml"), "up"]
    tell_next(shlex.join(serve), quiet=given.quiet)
    return 0


def _tell_format(card: Mapping[str, Any]) -> None:
    """Prints what a format changes, as a card says it."""
    found = card["parity"]
    told = [f"{card['size_bytes'] / 1e6:.1f} MB"]
    if card["int8"]:
        told.append(f"8 bits by {card['int8']}")
    if (moved := found.get("largest_embedding_difference")) is not None:
        told.append(f"embeddings differ by at most {moved:.1e}")
    if tar := found.get("tar_at_far_1_percent"):
        told.append(f"TAR at FAR 1 % {tar['before']:.2%} before, {tar['after']:.2%} after")
    if (same := found.get("equal_top1")) is not None:
        told.append(f"{same:.1%} have the same likeliest identity")
    print(f"  {'; '.join(told)} ({found['images']} {found['source']})")


def _tell(thresholds: Thresholds, judge: Matcher) -> None:
    """Prints what the exports decide by."""
    pairs = thresholds.of_pairs()
    for name, known in pairs.items():
        if known and known.undecided:
            print(f"{name}: gives distances but no decision: {known.undecided}")
        elif known:
            unseen = known.far_unseen
            new = "" if unseen is None else f" ({unseen:.2%} on people whom it was not chosen on)"
            print(
                f"{name}: same up to a squared distance of {known.threshold:.4f}; FAR "
                f"{known.far:.2%} of {known.impostor_pairs}{new}, TAR {known.tar:.2%} of "
                f"{known.genuine_pairs} {known.measured_on}"
            )
    if "verification" in judge.tasks and not any(pairs.values()):
        print("There are no validation pairs: the exports have no signature verify")
    for task, limit in thresholds.known.items():
        named = ""
        if limit.tpir is not None:
            named = (
                f", and names {limit.tpir:.2%} of {limit.known_images} validation images "
                f"correctly ({limit.closed_set:.2%} without a threshold)"
            )
        print(
            f"{task}: a person is known from a score of {limit.threshold:.3f}: FPIR "
            f"{limit.fpir:.2%} on {limit.stranger_images} images of {limit.strangers} strangers "
            f"({limit.fpir_unseen:.2%} on strangers whom the threshold was not chosen on){named}"
        )
    if not thresholds.known and judge.run is not None and set(judge.tasks) & set(MODALITIES):
        print("The dataset has no images of two strangers: the exports call nobody unknown")


if __name__ == "__main__":
    sys.exit(main())
