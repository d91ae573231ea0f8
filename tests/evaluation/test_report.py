"""The report: one page with everything in it, the same each time."""

from __future__ import annotations

import copy
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from cari_keras.evaluation.drawing import svg_of
from cari_keras.evaluation.evaluator import identification
from cari_keras.evaluation.growth import GrowthPoint
from cari_keras.evaluation.labels import LABELS, label
from cari_keras.evaluation.listed_intervals import intervals_of
from cari_keras.evaluation.predictions import Predictions
from cari_keras.evaluation.report.curves import plot_det, plot_growth, plot_roc
from cari_keras.evaluation.report.explained import EXPLAINED, explained_pairs
from cari_keras.evaluation.report.html import report_html
from cari_keras.evaluation.report.people import (
    confusions,
    namings,
    plot_confusions,
    plot_map,
    principal_components,
)
from cari_keras.evaluation.report.pictures import SIDE, wrong_pairs
from cari_keras.evaluation.report.worst import worst_people
from cari_keras.evaluation.scoring import FoldScores
from cari_keras.evaluation.tables import tables_of
from cari_keras.evaluation.why import halves_of
from cari_keras.images.encode import resize
from cari_keras.vocabulary import TASKS
from tests.helpers.matchers import one_hot
from tests.helpers.pictures import write_folder_dataset
from tests.helpers.protocols import by_person, closed_set_matcher, evaluate
from tests.helpers.runs import small_config


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    from cari_keras.evaluation.protocols.closed_set import evaluate_closed_set

    root = write_folder_dataset(tmp_path_factory.mktemp("people"), images=20)
    config = small_config(data_dir=str(root))
    matcher = closed_set_matcher(config)

    def rule(path, label, drawn):  # person 1's photos stand where person 0 does
        return np.eye(8)[0 if label == 1 and not drawn else label] + 0.3 * np.eye(8)[4 + drawn]

    matcher.rule = rule
    cache = tmp_path_factory.mktemp("cache")
    return evaluate_closed_set(matcher, config, cache_dir=str(cache), legacy=True)


class Page(HTMLParser):
    """What a page holds; unclosed elements are an error."""

    def __init__(self, text):
        super().__init__()
        self.open, self.images, self.headings, self.links, self.ids = [], [], [], [], []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag == "img":
            self.images.append(found)
        if tag not in ("img", "meta", "br"):
            self.open.append(tag)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found[name] for name in ("href", "src") if name in found]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("h1", "h2"):
            self.headings.append(data)


def test_a_page_of_known_people(known):
    text = report_html(known)
    page = Page(text)
    assert page.headings == [
        "The folder dataset, validation split",
        "Figures",
        "Verification",
        "People whom the network is wrong about most",
        "False accepted pairs, the worst first",
        "False rejected pairs, the worst first",
        "Who is taken for whom",
        "Where the embeddings lie",
        "Notes",
    ]
    inside = [link[1:] for link in page.links if link.startswith("#")]
    assert len(inside) == len(page.headings) - 2  # accepted and rejected pairs have one place
    assert all(page.ids.count(place) == 1 for place in inside)
    assert all(link.startswith(("data:image/", "#")) for link in page.links)
    assert "<script" not in text
    assert not re.search(r"https?://", text)
    alts = [image["alt"] for image in page.images]
    assert all(alts)
    for beginning in ("ROC", "DET", "Scores of", "Reliability", "Two principal"):
        assert sum(alt.startswith(beginning) for alt in alts) == 1
    assert sum(image["src"].startswith("data:image/jpeg") for image in page.images) >= 2
    assert "LEGACY" in text
    assert text == report_html(known)


def test_a_page_in_words_and_as_narrow_as_a_telephone(known):
    text = report_html(known)
    words = re.sub(r"<style>.*?</style>|<[^>]*>", " ", text, flags=re.DOTALL)
    assert not re.findall(r"\b(None|True|False|nan|NaN|\(1\.0,\))\b(?! accepted| rejected)", words)
    assert "looks at whole images, compares embeddings" in words
    one = replace(known, folds=(replace(known.folds[0], counts={"genuine pairs": 1, "photos": 2}),))
    assert "<li>1 genuine pair, 2 photos.</li>" in report_html(one)
    # No column demands more than the page has.
    columns = re.findall(r"minmax\(([^,]*)", text)
    assert columns == ["min(430px", "min(236px", "min(460px", "min(210px"]
    assert ".pairs img { width: 224px; height: 112px; max-width: 100%" in text


def test_the_training_plot_names_its_paper(known, tmp_path):
    columns = [f"{kind}_{task}" for kind in ("weight", "loss") for task in TASKS]
    lines = [",".join(["iteration", *columns, "l4"]), "0,.3,.3,.3,1,1,1,0", "1,.3,.3,.3,1,1,1,0"]
    (tmp_path / "steps.csv").write_text("\n".join(lines) + "\n")
    run = copy.copy(known.matcher)
    object.__setattr__(run, "run", tmp_path)
    text = report_html(replace(known, matcher=run))
    assert "as in Figure 6 of Ming, Burie &amp; Luqman (IJDAR 2021)" in text


@pytest.mark.slow
def test_a_page_of_ten_folds(tree):
    folds = [str(k) for k in range(1, 11)]
    page = Page(report_html(evaluate(tree, "unrestricted", folds, by_person)[0]))
    assert "Verification" in page.headings
    page = Page(report_html(evaluate(tree, "identification", folds, by_person)[0]))
    assert "Identification in a gallery" in page.headings
    assert any("CMC" in image["alt"] for image in page.images)
    # Everybody is named right; with one embedding for all, hardly anybody is.
    assert "Who is taken for whom" not in page.headings
    outcome, _ = evaluate(tree, "identification", folds, lambda path, label, drawn: one_hot(1))
    shown, named = outcome.folds[0].named["C2P"]
    assert np.mean(shown == named) < 0.5
    assert "Who is taken for whom" in Page(report_html(outcome)).headings


def test_galleries_that_grow_have_a_curve_and_a_table(known):
    """Of the sizes that both folds have; a rate that was not measured leaves a gap."""
    points = [
        GrowthPoint(5, 1.0, 0.05, None, 0.05),
        GrowthPoint(10, 0.9, 0.04, 0.2, 0.08),
        GrowthPoint(20, 0.8, 0.06, 0.4, 0.16),
    ]
    fold = known.folds[0]
    folds = tuple(
        replace(fold, name=name, growth={"photo": those})
        for name, those in (("1", points), ("2", points[1:]))
    )
    grown = replace(known, folds=folds)
    (table,) = (one for one in tables_of(grown) if one.title.startswith("Galleries that grow"))
    assert table.rows == [
        ["photo", "10", "0.900", "4.00", "20.00", "8.00"],
        ["photo", "20", "0.800", "6.00", "40.00", "16.00"],
    ]
    assert table not in tables_of(grown, brief=True)
    page = Page(report_html(grown))
    assert "Somebody of the gallery, or nobody: as the gallery grows" in page.headings
    assert sum(image["alt"].startswith("Photos of people in the g") for image in page.images) == 1
    axes = plot_growth([replace(fold, growth={"photo": points})], "photo").axes[0]
    drawn = {line.get_label(): line.get_ydata() for line in axes.lines}
    assert drawn["FPIR"].tolist() == pytest.approx([5, 4, 6])
    assert drawn["FPIR, threshold of the smallest"].tolist() == pytest.approx([5, 8, 16])
    assert np.isnan(drawn["FNIR"][0])
    assert drawn["FNIR"][1:].tolist() == pytest.approx([20, 40])
    assert grown.to_dict()["growth"]["2"]["photo"][0]["people"] == 10


def test_accepted_impostors_are_people_taken_for_each_other(known):
    (found,) = (one for one in namings(known) if one.title == "Impostor pairs accepted")
    trials, thresholds = known.folds[0].trials, known.folds[0].thresholds
    assert len(found.shown) == np.sum(~trials.same & (trials.distances <= thresholds)) > 0
    assert not np.any(found.shown == found.named)
    # The photos of person 1 stand where person 0 is.
    assert set(zip(found.shown.tolist(), found.named.tolist())) == {(0, 1)}


def test_names_are_escaped(known):
    text = report_html(replace(known, title="<script>alert(1)</script>"))
    assert "<script>" not in text
    matcher = copy.copy(known.matcher)
    matcher.epoch = "<script>alert(1)</script>"  # from a run's checkpoint.json
    assert "<script>" not in report_html(replace(known, matcher=matcher))


def test_a_name_is_text_wherever_it_stands(known):
    name = "<b>&\"'\udcff"  # its last byte is not UTF-8

    def named(kind):
        return f"{name} {kind}"

    fold = known.folds[0]
    trials = replace(
        fold.trials,
        first=[path + named("path") for path in fold.trials.first],
        second=[path + named("path") for path in fold.trials.second],
    )
    splits = {
        split: [replace(s, path=s.path + named("path"), identity=named("person")) for s in samples]
        for split, samples in known.dataset.splits.items()
    }
    matcher = copy.copy(known.matcher)
    matcher.name, matcher.epoch, matcher.weights = named("network"), named("epoch"), name
    outcome = replace(
        known,
        title=named("title"),
        matcher=matcher,
        folds=(replace(fold, trials=trials),),
        dataset=replace(known.dataset, splits=splits),
        predictions=replace(
            known.predictions, paths=[path + named("path") for path in known.predictions.paths]
        ),
        people=tuple(person + name for person in known.people),
        notes=(named("note"),),
    )
    text = report_html(outcome)
    escaped = "&lt;b&gt;&amp;&#34;&#39;\udcff"
    for kind in ("network", "epoch", "title", "path", "person", "note"):
        assert f"{escaped} {kind}" in text
    assert f"weights {escaped};" in text
    assert text.count("\udcff") == text.count(escaped)
    assert "<b>" not in text
    page = Page(text)
    assert page.headings[0] == named("title")
    pairs = [image["alt"] for image in page.images if "jpeg" in image["src"]]
    assert len(pairs) > len(known.people)
    assert all(alt.count(named("path")) == 2 for alt in pairs)


def test_names_are_no_formulas():
    """Matplotlib would refuse this one, or set it in italics; nor would it write the other."""
    matrix = np.array([[1, 2], [0, 1]])
    figure = plot_confusions(matrix, ["A$_$B", "C\udcff"], "title")
    figure.savefig(io.StringIO(), format="svg")
    embeddings = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    labels, drawn = np.array([0, 0, 1, 1]), np.array([True, False, True, False])
    answers = Predictions(list("abcd"), labels, drawn, {"embedding": embeddings})
    text = io.StringIO()
    plot_map(answers, ["A$_$B", "C\udcff"]).savefig(text, format="svg")
    text.getvalue().encode()


def test_nobody_is_named_by_heads_that_do_not_know_them(known):
    """As in galleries and pairs of one's own, whose labels are of other people."""
    answers = known.predictions
    logits = np.zeros((len(answers.paths), 3), np.float32)
    with_heads = replace(answers, outputs={**answers.outputs, "logits_photo": logits})
    titles = [found.title for found in namings(replace(known, predictions=with_heads))]
    assert LABELS["photo_identification"] in titles
    stripped = replace(known, predictions=with_heads.of_strangers())
    assert {one.title for one in namings(stripped)} <= {"Impostor pairs accepted"}
    assert "photo_identification" not in intervals_of(stripped.predictions, known.folds)


def test_the_worst_pairs_come_first_and_no_image_twice(known):
    fold = known.folds[0]
    for same in (False, True):
        found = wrong_pairs(fold, known.dataset, same=same, most=3)
        assert found
        margins = [abs(pair.distance - pair.threshold) for pair in found]
        assert margins == sorted(margins, reverse=True)
        paths = [path for pair in found for path in pair.paths]
        assert len(paths) == len(set(paths))
        assert all((pair.distance > pair.threshold) == same for pair in found)
        assert all((pair.people[0] == pair.people[1]) == same for pair in found)
    import cv2

    image = cv2.imdecode(np.frombuffer(found[0].jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (SIDE, 2 * SIDE, 3)


def test_the_worst_people_by_hand(known):
    """Person 0's photos are taken for person 1, whose photos are; person 2's drawings are misnamed.

    Columns: pairs of person 0 that are accepted, of person 1 rejected and accepted.
    """
    table = worst_people(known)
    rows = {row.name: dict(zip(table.questions, row.cells)) for row in table.rows}
    trials, thresholds = known.folds[0].trials, known.folds[0].thresholds
    people = {s.path: s.identity for part in known.dataset.splits.values() for s in part}
    for name, cells in rows.items():
        pairs = [[people[path] for path in trials.names(k)] for k in range(len(trials.same))]
        theirs = np.array([name in pair for pair in pairs])
        accepted = trials.distances <= thresholds
        for title, of, wrong in (
            ("genuine pairs rejected", trials.same, ~accepted),
            ("impostor pairs accepted", ~trials.same, accepted),
        ):
            counted = int(np.sum(theirs & of & wrong)), int(np.sum(theirs & of))
            assert cells[title] == (f"{counted[0]} of {counted[1]}" if counted[1] else "-"), name
    drawn = known.predictions.is_caricature & (known.predictions.labels == 2)
    assert rows["person_2"]["Caricature id.: misnamed"] == f"{drawn.sum()} of {drawn.sum()}"
    assert rows["person_2"]["genuine pairs rejected"].startswith("0 of ")
    assert rows["person_1"]["genuine pairs rejected"].split(" of ")[0] != "0"
    shares = [
        np.mean([int(a) / int(b) for a, b in (c.split(" of ") for c in row.cells if c != "-")])
        for row in table.rows
    ]
    assert shares == sorted(shares, reverse=True)
    assert len(worst_people(known, most=1).rows) == 1
    # The picture of each modality is of the image in most errors.
    for row in table.rows:
        assert [people[path] for path in row.paths] == [row.name, row.name]
        photo, drawing = row.paths
        assert "photo/" in photo
        assert "caricature/" in drawing


def test_people_of_galleries_and_of_all_pairs(tree):
    """Their drawings are all alike: each gallery names one person, and misses the others."""
    outcome, _ = evaluate(tree, "identification", ["1"], lambda path, label, drawn: one_hot(1))
    table = worst_people(outcome)
    assert table.questions == ["C2P Rank-1: missed", "P2C Rank-1: missed"]
    assert table.rows
    assert table.where == ""
    outcome, _ = evaluate(tree, "unrestricted", ["1", "2"], lambda path, label, drawn: one_hot(1))
    table = worst_people(outcome)
    assert table.where == " (fold 1)"
    assert "impostor pairs accepted" in table.questions
    trials = outcome.folds[0].trials
    assert trials.crossed
    assert not worst_people(evaluate(tree, "unrestricted", ["1"], by_person)[0]).rows


@pytest.mark.slow
def test_the_worst_pairs_are_explained(known, network, capsys):
    assert "Why the worst pairs" not in report_html(known)  # a rule has no layers
    matcher = copy.copy(known.matcher)
    matcher.model = network
    wrong = [
        (kind, wrong_pairs(known.folds[0], known.dataset, same=same))
        for kind, same in (("accepted", False), ("rejected", True))
    ]
    found = explained_pairs(matcher, known.dataset, wrong, progress=True)
    most = [min(len(pairs), EXPLAINED) for _, pairs in wrong]
    assert [one.kind for one in found] == ["accepted"] * most[0] + ["rejected"] * most[1]
    assert f"Explaining the worst pairs: {len(found)} of {len(found)}" in capsys.readouterr().err
    first = found[0]
    assert first.pair == wrong[0][1][0]
    images = {s.path: s for part in known.dataset.splits.values() for s in part}
    faces = [resize(known.dataset.load(images[path]), matcher.side) for path in first.pair.paths]
    halves = halves_of(network)
    one, another = halves.embedding(halves.features(np.stack(faces).astype(np.float32))).numpy()
    assert first.cosine == pytest.approx(float(one @ another), abs=1e-5)
    assert first.faces != first.maps
    text = report_html(replace(known, matcher=matcher))
    assert text == report_html(replace(known, matcher=matcher))
    page = Page(text)
    assert "Why the worst pairs were judged so" in page.headings
    shown = [image for image in page.images if image["alt"].startswith("Regions that speak")]
    assert len(shown) == len(found)


def test_confusions_by_hand(known):
    """Heads call person_2's caricatures person_0."""
    logits, labels = identification(known.predictions)["caricature_identification"]
    matrix, people = confusions(np.argmax(logits, axis=-1), labels)
    count = int(np.sum(labels == 2))
    assert people == [0, 2]
    assert matrix.tolist() == [[count, 0], [count, 0]]


def test_principal_components_by_hand():
    rows = np.array([[3.0, 0, 1], [-3, 0, 1], [0, 1, 1], [0, -1, 1]])
    found = principal_components(rows)
    np.testing.assert_allclose(found, [[3, 0], [-3, 0], [0, 1], [0, -1]], atol=1e-12)


def test_plots_go_through_the_operating_points(known):
    figure = plot_roc(known.folds)
    (line, *_) = figure.axes[0].get_lines()
    far, tar = line.get_data()
    assert np.all(np.diff(far) >= 0)
    assert np.all(np.diff(tar) >= 0)
    assert tar[-1] == 1
    assert plot_det(known.folds).axes[0].get_xticklabels()
    assert svg_of(plot_roc(known.folds)) == svg_of(plot_roc(known.folds))


def test_tables(known):
    titles = [table.title for table in tables_of(known)]
    assert titles[0] == "The folder dataset, validation split, percent"
    assert any("LEGACY" in title for title in titles)
    for table in tables_of(known):
        assert all(len(row) == len(table.columns) for row in table.rows)
    assert label("val_at_far_0.001") == "VAL@FAR=0.1%"
    assert label("c2p_rank_10") == "C2P Rank-10"
    assert label("legacy_c2p_rank_10") == "C2P Rank-10, wrong slice"


def test_too_few_impostors_are_said(tree):
    outcome, _ = evaluate(tree, "unrestricted", ["1"], by_person)
    assert isinstance(outcome.folds[0], FoldScores)
    text = "\n".join(str(table) for table in tables_of(outcome))
    assert "too few to resolve 0.1%" in text
