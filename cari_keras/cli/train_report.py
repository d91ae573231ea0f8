"""What cari-train says at the end of a run: metrics, pictures, what it does for strangers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cari_keras.cli.again import command, tensorboard_command
from cari_keras.config import Config
from cari_keras.errors import PretrainedError
from cari_keras.vocabulary import UNKNOWN

if TYPE_CHECKING:
    from cari_keras.data.prepared import Prepared


def report(config: Config, run: Path, rows: Sequence[dict[str, float]]) -> None:
    """Prints the closing table and draws the run's figures."""
    import pandas as pd

    from cari_keras.evaluation import plots
    from cari_keras.evaluation.drawing import save
    from cari_keras.evaluation.labels import LABELS
    from cari_keras.history import read_steps
    from cari_keras.model.checkpoints import read_meta

    steps = read_steps(run)
    metrics = pd.DataFrame(rows)
    title = config.data.dataset
    curves = plots.plot_weights_and_losses({f"{config.training.weighting} weights": steps}, title)
    save(curves, run / "figures" / "weights_and_losses.png")
    if not set(LABELS) & set(metrics):
        final = config.data.final
        why = (
            "The run was trained on its validation images (--final)"
            if final
            else "No validation images"
        )
        print(f"\n{why}; {_evaluation(config, run)}")
        print(f"\nPictures: {run / 'figures'}")
        return
    save(plots.plot_validation(metrics, title), run / "figures" / "validation.png")
    columns = {name: label for name, label in LABELS.items() if name in metrics}
    last = len(metrics) - 1
    shown = metrics.iloc[sorted({0, (last + 1) // 2, last})]
    table = (100 * shown[list(columns)].rename(columns=columns)).round(2)
    table.insert(0, "Epoch", shown["epoch"].astype(int))
    print("\nValidation, in percent (verification: threshold by two-fold cross-validation):\n")
    print(table.to_string(index=False, na_rep="-"))
    best = read_meta(run / "best")["epoch"]
    print(f"\n{run} uses the weights of epoch {best}, which has the highest mean of all metrics.")
    if len(config.training.tasks) > 1 and config.training.weighting != "equal":
        share = plots.hardest_task_share(steps)
        print(f"\nThe hardest task held the largest weight in {share:.0%} of the iterations.")
    print(f"\nPictures: {run / 'figures'}\nTensorBoard: {tensorboard_command(run)}")


def tell_of_strangers(config: Config, prepared: Prepared, run: Path, *, progress: bool) -> None:
    """Prints whether training has helped with people whom the network was not trained on."""
    from cari_keras.evaluation.matcher import load_matcher
    from cari_keras.evaluation.protocols.beside import beside_public

    if not prepared.count(UNKNOWN):
        return
    cache_dir = config.data.cache_dir
    try:
        told = beside_public(
            load_matcher(str(run)), prepared, cache_dir=cache_dir, progress=progress
        )
    except PretrainedError as error:  # training is done, and nothing of it depends on this
        told = f"The run was not compared with the public weights on strangers: {error}"
    if told:
        print(f"\n{told}")


def _evaluation(config: Config, run: Path) -> str:
    """How a run without validation images is evaluated."""
    if config.data.unseen_fold:
        return "cari-evaluate evaluates the run on the people held out"
    if config.data.dataset == "webcaricature":
        all_folds = command("evaluate", run.parent, "--folds", "all")
        return (
            "cari-evaluate evaluates the run on its fold; once all folds are trained, "
            f"{all_folds} evaluates them all"
        )
    own = command("evaluate", run)
    return (
        f"evaluate the run on other images: {own} with --images and --pairs, or with "
        "--gallery and --probe"
    )


def can_be_evaluated(config: Config, prepared: Prepared) -> bool:
    """Whether there are images of its dataset to evaluate a run by, without further flags."""
    if config.data.unseen_fold or config.data.dataset == "webcaricature":
        return True
    return bool(prepared.count("test") or prepared.count("validation"))
