"""cari-export: a run's branches as SavedModels for TensorFlow Serving."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from cari_keras.cli.flags import Parser, run_program

EXAMPLES = """
examples:
  cari-export runs/cavi-facenet                      into saved_models/
  cari-export runs/cavi-facenet models --far 0.01    'same' accepts 1 % of impostors at most
  docker compose -f saved_models/docker-compose.yml up
                                                     then serves them: REST 8501, gRPC 8500
"""


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Entry point of the console script; returns the exit status."""
    return run_program("cari-export", _main, sys.argv[1:] if arguments is None else arguments)


def _main(arguments: Sequence[str]) -> int:
    parser = Parser("cari-export", "Exports each branch of a run as a SavedModel.", EXAMPLES)
    parser.add_argument("run", metavar="RUN", help="a run folder of cari-train")
    parser.add_argument(
        "folder", metavar="DIR", nargs="?", default="saved_models", help="where to [saved_models]"
    )
    parser.add_argument(
        "--far",
        type=float,
        metavar="X",
        help="largest share of impostor validation pairs that `same` accepts "
        "[the threshold of the highest accuracy]",
    )
    parser.add_argument("--data-dir", metavar="DIR", help="the dataset's folder, if it has moved")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    given = parser.parse_args(arguments)

    from cari_keras.evaluation.matcher import load_matcher
    from cari_keras.serving.calibration import calibrate_on_validation
    from cari_keras.serving.export import export

    matcher = load_matcher(given.run, {})
    calibration = None
    if "verification" in matcher.tasks:
        calibration = calibrate_on_validation(
            matcher, far=given.far, data_dir=given.data_dir, progress=not given.quiet
        )
        print(
            f"verify: same up to a squared distance of {calibration.threshold:.4f}; on the "
            f"validation pairs FAR {calibration.far:.2%} of {calibration.impostor_pairs}, TAR "
            f"{calibration.tar:.2%} of {calibration.genuine_pairs}"
        )
    folder = Path(given.folder)
    for path in export(matcher, calibration, folder):
        print(path)
    print(f"Serve them: docker compose -f {folder / 'docker-compose.yml'} up")
    return 0


if __name__ == "__main__":
    sys.exit(main())
