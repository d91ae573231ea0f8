"""People held out of a dataset."""

import json
from dataclasses import replace

import pytest

from cari_keras.config import Config
from cari_keras.data.folder import load
from cari_keras.data.pipeline import split_records
from cari_keras.data.prepare import prepare
from cari_keras.data.registry import load_dataset
from cari_keras.data.unseen import deal, hold_out, same_people
from cari_keras.errors import ConfigError, DatasetError
from cari_keras.images.names import plain_name
from cari_keras.ranges import UnseenFold, parse_fold
from cari_keras.records.schema import parse
from cari_keras.training.recipe import check_never_seen
from cari_keras.vocabulary import UNKNOWN, UNSEEN
from tests.helpers.pictures import write_folder_dataset


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_folder_dataset(tmp_path_factory.mktemp("people"), identities=6)


def everyone(dataset):
    return {sample.identity for samples in dataset.splits.values() for sample in samples}


def test_everybody_is_in_one_fold_and_folds_are_even():
    people = [f"person {i}" for i in range(23)]
    dealt = deal(people, 5, 0)
    assert sorted(name for fold in dealt for name in fold) == sorted(people)
    assert sorted(map(len, dealt)) == [4, 4, 5, 5, 5]
    assert dealt == deal(reversed(people), 5, 0)
    assert dealt != deal(people, 5, 1)


def test_a_person_more_moves_nobody_far():
    """Order goes by a hash of each name, so the deal is shifted, not shuffled."""
    people = [f"person {i}" for i in range(40)]
    before, after = deal(people, 2, 0), deal([*people, "somebody else"], 2, 0)
    assert before != after
    assert sorted(name for fold in after for name in fold) == sorted([*people, "somebody else"])


def test_one_person_under_two_spellings_is_in_one_fold():
    people = ["Will_Smith", "will smith", "a", "b", "aravind", "arvind", "c", "d"]
    for seed in range(10):
        dealt = deal(people, 3, seed, [("aravind", "arvind", "nobody here")])
        of = {name: k for k, fold in enumerate(dealt) for name in fold}
        assert of["Will_Smith"] == of["will smith"]
        assert of["aravind"] == of["arvind"]


def test_one_person_held_out_under_two_names_has_one_label(tmp_path):
    root = write_folder_dataset(tmp_path / "data", identities=4)
    for modality in ("photo", "caricature"):
        (root / modality / "person_1").rename(root / modality / "Person 0")
    whole = load(str(root))
    held = [hold_out(whole, UnseenFold(k, 3), 0) for k in (1, 2, 3)]
    (found,) = (one for one in held if "Person 0" in one.strangers)
    samples = [s for s in found.splits[UNSEEN] if s.identity == "Person 0"]
    assert {s.path.split("/")[1] for s in samples} == {"Person 0", "person_0"}
    assert "person_0" not in found.people


def test_a_stranger_who_is_held_out_is_no_other_person(tmp_path):
    root = write_folder_dataset(tmp_path / "data", identities=4)
    write_folder_dataset(root / "strangers", identities=2)
    for modality in ("photo", "caricature"):
        (root / "strangers" / modality / "person_0").rename(root / "strangers" / modality / "other")
        (root / "strangers" / modality / "person_1").rename(
            root / "strangers" / modality / "somebody"
        )
    whole = load(str(root))
    unknown = [
        replace(sample, identity="PERSON-2") if sample.identity == "other" else sample
        for sample in whole.splits[UNKNOWN]
    ]
    whole = replace(
        whole, splits={**whole.splits, UNKNOWN: unknown}, strangers=("PERSON-2", "somebody")
    )
    for number in (1, 2):
        found = hold_out(whole, UnseenFold(number, 2), 0)
        names = {sample.identity for sample in found.splits[UNKNOWN]}
        held = {sample.identity for sample in found.splits[UNSEEN]}
        # Its pictures are person_0's.
        assert ("PERSON-2" in names) == (not held & {"person_0", "person_2"})


def test_too_few_people_are_refused():
    with pytest.raises(DatasetError, match="2 people are too few for 3 folds"):
        deal(["a", "b"], 3, 0)


@pytest.mark.parametrize("text", ["0/5", "6/5", "1/1", "1", "a/b", "1/5/2", ""])
def test_what_is_no_fold_is_refused(text):
    with pytest.raises(ConfigError, match="unseen_fold must be k/K"):
        parse_fold(text)
    with pytest.raises(ConfigError, match="unseen_fold must be k/K"):
        Config().with_values({"unseen_fold": text})


def test_webcaricature_has_its_own_folds():
    with pytest.raises(ConfigError, match="name one with --fold"):
        Config().with_values({"dataset": "webcaricature", "unseen_fold": "1/5"})


def test_nothing_but_the_split_unseen_shows_the_people_held_out(root):
    whole = load(str(root))
    held = set()
    for number in (1, 2, 3):
        found = hold_out(whole, UnseenFold(number, 3), 0)
        out = {sample.identity for sample in found.splits[UNSEEN]}
        assert len(out) == 2
        assert not out & held
        held |= out
        for split, samples in found.splits.items():
            if split != UNSEEN:
                assert not out & {sample.identity for sample in samples}, split
        everything = {s.path for split in whole.splits.values() for s in split if s.identity in out}
        assert {sample.path for sample in found.splits[UNSEEN]} == everything
        assert set(found.identities) == set(whole.identities) - out
        assert found.people[: len(found.identities)] == found.identities
        known = {sample.path for sample in found.splits["validation"]}
        assert found.pairs["validation"]
        assert all(p.first in known and p.second in known for p in found.pairs["validation"])
        assert everyone(found) == everyone(whole)
    assert held == set(whole.identities)


def test_people_who_share_a_picture_go_together(root, tmp_path):
    other = write_folder_dataset(tmp_path / "data", identities=6)
    first, second = sorted((other / "photo").iterdir())[:2]
    picture = sorted(first.iterdir())[0]
    (second / "copy.jpg").write_bytes(picture.read_bytes())
    whole = load(str(other))
    for number in (1, 2, 3):
        found = hold_out(whole, UnseenFold(number, 3), 0).splits[UNSEEN]
        out = {sample.path.split("/")[1] for sample in found}
        assert (first.name in out) == (second.name in out)


def test_folds_are_prepared_once_and_read_as_a_dataset_of_their_own(root, tmp_path):
    config = Config().with_values({"dataset": "folder", "data_dir": str(root)})
    whole = prepare(load(str(root)), 80, cache_dir=tmp_path, workers=1, progress=False)
    shards = sorted(tmp_path.rglob("*.tfrecord"))
    for number in (1, 2, 3):
        dataset = load_dataset(config.with_values({"unseen_fold": f"{number}/3"}))
        found = prepare(dataset, 80, cache_dir=tmp_path, workers=1, progress=False)
        alone = prepare(replace(dataset, whole=None), 80, cache_dir=tmp_path / "alone", workers=1)
        assert found.identities == alone.identities
        assert found.pairs == alone.pairs
        assert found.counts == alone.counts
        for split in dataset.splits:
            theirs = [list(of.label) for of in (found.of(split), alone.of(split))]
            assert theirs[0] == theirs[1], split
            paths = [
                [parse(record)["path"].numpy() for record in split_records(one, split)]
                for one in (found, alone)
            ]
            assert paths[0] == paths[1], split
    assert (
        sorted(path for path in tmp_path.rglob("*.tfrecord") if "alone" not in str(path)) == shards
    )
    assert whole.count(UNSEEN) == 0


def test_names_of_another_collection_are_matched_by_their_spelling():
    found = same_people(["will_smith", "dr._dre"], ["Will Smith", "Dr. Dre", "somebody"])
    assert found == {"Will Smith": "will_smith", "Dr. Dre": "dr._dre"}
    assert plain_name("  A__b-C ") == "a b c"
    assert plain_name("Ren\u00e9e") == plain_name("Rene\u0301e")


def test_a_run_does_not_start_from_one_that_knows_the_people_held_out(root, tmp_path):
    config = Config().with_values({"dataset": "folder", "data_dir": str(root)})
    dataset = load_dataset(config.with_values({"unseen_fold": "1/3"}))
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_text(json.dumps(config.to_dict()))
    asked = config.with_values({"unseen_fold": "1/3", "pretrained": str(run)})
    (run / "identities.json").write_text(json.dumps(list(dataset.identities)))
    check_never_seen(asked, dataset)
    held = dataset.splits[UNSEEN][0].identity
    (run / "identities.json").write_text(json.dumps([*dataset.identities, held.upper()]))
    with pytest.raises(ConfigError, match=f"was trained on {held.upper()}, whom"):
        check_never_seen(asked, dataset)
    check_never_seen(config.with_values({"pretrained": "facenet"}), dataset)


def test_two_people_on_one_picture_stay_two(tmp_path):
    root = write_folder_dataset(tmp_path / "data", identities=4)
    for modality in ("photo", "caricature"):
        (root / modality / "person_0").rename(root / modality / "dr._dre")
        (root / modality / "person_1").rename(root / modality / "ice_cube")
    picture = root / "photo" / "dr._dre" / "0.png"
    (root / "photo" / "ice_cube" / "both.png").write_bytes(picture.read_bytes())
    held = [hold_out(load(str(root)), UnseenFold(k, 3), 0) for k in (1, 2, 3)]
    (found,) = (one for one in held if "ice_cube" in one.strangers)
    assert {"dr._dre", "ice_cube"} <= {sample.identity for sample in found.splits[UNSEEN]}
