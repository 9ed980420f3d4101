"""Data sets: each layout as it is published, built small, and read as anomalib reads it where it can."""

import csv
from pathlib import Path

import numpy as np
import pytest
from anomalib.data import BTech, MVTecAD, MVTecLOCO, Visa
from anomalib.data.datasets.image.btech import make_btech_dataset
from anomalib.data.datasets.image.mvtecad import make_mvtec_ad_dataset
from photos import DATA, category
from PIL import Image

from tgvig_core.benchmark.data.category import layout
from tgvig_core.benchmark.data.datasets import read
from tgvig_core.photos.labelled_folder import read_mask
from tgvig_core.utils.errors import TgvigError

MODULES = {"mvtec": MVTecAD, "loco": MVTecLOCO, "btad": BTech, "visa": Visa}


def photo(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 40), "grey").save(path)


def mask(path: Path, *box: int, white: int = 255) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("L", (40, 40))
    image.paste(white, box)
    image.save(path)


def mvtec(folder: Path) -> None:
    for name in ("train/good/000.png", "train/good/001.png", "test/good/000.png"):
        photo(folder / name)
    for kind in ("crack", "print"):
        for number in ("000", "001"):
            photo(folder / "test" / kind / f"{number}.png")
            mask(folder / "ground_truth" / kind / f"{number}_mask.png", 0, 0, 20, 20)


def loco(folder: Path) -> None:
    for name in ("train/good/000.png", "validation/good/000.png", "test/good/000.png"):
        photo(folder / name)
    truth = folder / "ground_truth"
    photo(folder / "test/logical_anomalies/000.png")
    mask(truth / "logical_anomalies/000/000.png", 0, 0, 10, 10)
    mask(truth / "logical_anomalies/000/001.png", 30, 30, 40, 40, white=200)
    photo(folder / "test/structural_anomalies/000.png")
    mask(truth / "structural_anomalies/000/000.png", 0, 0, 40, 20)


def btad(folder: Path, photos: str = "bmp", masks: str = "png") -> None:
    for name in ("train/ok/0001", "test/ok/0000", "test/ko/0000", "test/ko/0001"):
        photo(folder / f"{name}.{photos}")
    for number in ("0000", "0001"):
        mask(folder / f"ground_truth/ko/{number}.{masks}", 0, 0, 20, 40)


def visa(root: Path) -> None:
    """As published: photos of train and test in one folder, masks of small values, a list of who is what."""
    rows = []
    for name in ("candle", "pcb1"):
        for place, split in enumerate(("train", "train", "test")):
            image = f"{name}/Data/Images/Normal/{place:04}.JPG"
            photo(root / image)
            rows.append((name, split, "normal", image, ""))
        image, truth = f"{name}/Data/Images/Anomaly/000.JPG", f"{name}/Data/Masks/Anomaly/000.png"
        photo(root / image)
        mask(root / truth, 0, 0, 20, 20, white=3)
        rows.append((name, "test", "anomaly", image, truth))
    (root / "split_csv").mkdir()
    with (root / "split_csv" / "1cls.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("object", "split", "label", "image", "mask"), *rows])


def listed(samples) -> tuple[set, dict]:
    """Training photos and {test photo: masks} of anomalib's table."""
    train = set(samples[samples.split == "train"].image_path)
    test = samples[samples.split == "test"]
    masks = {
        row.image_path: () if not row.label_index else tuple(np.atleast_1d(row.mask_path)) for row in test.itertuples()
    }
    return train, masks


def ours(found) -> tuple[set, dict]:
    masks = {str(photo.path): tuple(map(str, photo.masks)) for photo in found.test}
    return set(map(str, found.train)), masks


def test_mvtec_ad_is_read_as_anomalib_reads_it(tmp_path):
    for name in ("bottle", "cable"):
        mvtec(tmp_path / name)
    found = read("mvtec", tmp_path)
    assert [(one.dataset, one.name) for one in found] == [("mvtec", "bottle"), ("mvtec", "cable")]
    assert ours(found[1]) == listed(make_mvtec_ad_dataset(tmp_path / "cable"))
    assert [(photo.path.parent.name, photo.defective) for photo in found[0].test] == [
        ("crack", True), ("crack", True), ("good", False), ("print", True), ("print", True)
    ]  # fmt: skip


def test_locos_masks_are_united_and_its_validation_photos_left_alone(tmp_path):
    loco(tmp_path / "juice_bottle")
    (found,) = read("loco", tmp_path)
    folder = tmp_path / "juice_bottle"
    truth, test = folder / "ground_truth", folder / "test"
    assert ours(found) == ({f"{folder}/train/good/000.png"}, {
        f"{test}/good/000.png": (),
        f"{test}/logical_anomalies/000.png": tuple(f"{truth}/logical_anomalies/000/00{one}.png" for one in (0, 1)),
        f"{test}/structural_anomalies/000.png": (f"{truth}/structural_anomalies/000/000.png",),
    })  # fmt: skip
    logical = next(photo for photo in found.test if photo.path.parent.name == "logical_anomalies")
    united = read_mask(logical, 40)
    assert len(logical.masks) == 2 and united.sum() == 200 and united[:10, :10].all() and united[30:, 30:].all()


def test_btad_is_read_as_anomalib_reads_it(tmp_path):
    btad(tmp_path / "01")
    (found,) = read("btad", tmp_path)
    assert ours(found) == listed(make_btech_dataset(tmp_path / "01"))
    assert [photo.defective for photo in found.test] == [True, True, False]


def test_btads_third_part_has_bitmaps_for_masks(tmp_path):
    btad(tmp_path / "03", masks="bmp")
    (found,) = read("btad", tmp_path)
    assert [[path.name for path in photo.masks] for photo in found.test] == [["0000.bmp"], ["0001.bmp"], []]
    assert read_mask(found.test[0], 40).sum() == 800


def test_visa_as_published_and_as_anomalib_lays_it_out_are_the_same_photos(tmp_path):
    visa(tmp_path)
    published = read("visa", tmp_path)
    assert not (tmp_path / "visa_pytorch").exists()
    Visa(tmp_path, "pcb1").prepare_data()  # copies; nothing is fetched, because the category is there
    laid_out = read("visa", tmp_path, ["candle", "pcb1"])
    assert ours(laid_out[1]) == listed(
        make_mvtec_ad_dataset(tmp_path / "visa_pytorch" / "pcb1", extensions=(".JPG", ".png"))
    )
    for one, other in zip(published, laid_out, strict=True):
        assert one.name == other.name and [path.name for path in one.train] == [path.name for path in other.train]
        for photo, copy in zip(one.test, other.test, strict=True):
            assert (photo.path.name, photo.defective) == (copy.path.name, copy.defective)
            assert read_mask(photo, 40).equal(read_mask(copy, 40))
        assert [read_mask(photo, 40).sum() for photo in one.test] == [400, 0]


def test_a_folder_of_real_photos_at_any_depth():
    category("bottle")
    found = {one.name: one for one in read("folder", DATA, ("bottle", "transistor", "tile", "hazelnut"))}
    counts = {name: (len(one.train), *_kinds(one)) for name, one in found.items()}
    assert counts == {
        "bottle": (209, 20, 63), "transistor": (213, 60, 40), "tile": (200, 120, 200), "hazelnut": (28, 6, 17),
    }  # fmt: skip
    assert all(len(photo.masks) == photo.defective for one in found.values() for photo in one.test)


def _kinds(found) -> tuple[int, int]:
    bad = sum(photo.defective for photo in found.test)
    return len(found.test) - bad, bad


def test_categories_of_one_name_are_told_apart_and_root_may_be_one(tmp_path):
    for name in ("line1/nut", "line2/nut", "line2/bolt", ".old/nut"):
        mvtec(tmp_path / name)
    assert {one.name for one in read("folder", tmp_path)} == {"line1/nut", "line2/nut", "bolt"}
    assert [one.name for one in read("folder", tmp_path / "line2" / "bolt")] == ["bolt"]


def test_the_wanted_categories_come_once_each_in_their_order(tmp_path):
    for name in ("bottle", "cable", "wood"):
        mvtec(tmp_path / name)
    (tmp_path / "cable" / "train" / "good" / "000.png").unlink()
    (tmp_path / "cable" / "train" / "good" / "001.png").unlink()
    assert [one.name for one in read("mvtec", tmp_path, ["wood", "bottle", "wood"])] == ["wood", "bottle"]
    with pytest.raises(TgvigError, match="cable/train/good"):
        read("mvtec", tmp_path)


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(TgvigError, match="no layout 'mvtek': choose one of mvtec, loco, btad, visa, folder"):
        read("mvtek", tmp_path)
    with pytest.raises(TgvigError, match="no folder .*absent"):
        read("mvtec", tmp_path / "absent")
    with pytest.raises(TgvigError, match="no category of mvtec"):
        read("mvtec", tmp_path)
    mvtec(tmp_path / "bottle")
    mvtec(tmp_path / "cable")
    with pytest.raises(TgvigError, match="no category bottel: choose among bottle, cable"):
        read("mvtec", tmp_path, ["bottel"])
    with pytest.raises(TgvigError, match=r"bottle has no good photos to train on: put them into .*train/ok"):
        read("btad", tmp_path)


@pytest.mark.parametrize(("dataset", "build", "lost"), [
    ("mvtec", mvtec, "ground_truth/print/001_mask.png"),
    ("loco", loco, "ground_truth/structural_anomalies/000/000.png"),
    ("btad", btad, "ground_truth/ko/0001.png"),
])  # fmt: skip
def test_a_defect_without_its_mask_is_an_error(tmp_path, dataset, build, lost):
    build(tmp_path / "part")
    (tmp_path / "part" / lost).unlink()
    with pytest.raises(TgvigError, match=str(Path(lost).parent)):
        read(dataset, tmp_path)


def test_visas_list_must_name_masks_and_photos_that_are_there(tmp_path):
    visa(tmp_path)
    path = tmp_path / "split_csv" / "1cls.csv"
    text = path.read_text()
    path.write_text(text.replace("pcb1/Data/Masks/Anomaly/000.png", ""))
    with pytest.raises(TgvigError, match="no mask of the defect pcb1/Data/Images/Anomaly/000.JPG"):
        read("visa", tmp_path)
    path.write_text(text.replace("pcb1,train,", "pcb1,test,"))
    with pytest.raises(TgvigError, match="pcb1 has no good photos"):
        read("visa", tmp_path)
    path.write_text(text)
    (tmp_path / "candle" / "Data" / "Images" / "Normal" / "0001.JPG").unlink()
    with pytest.raises(TgvigError, match="0001.JPG is missing"):
        read("visa", tmp_path)
    path.write_text("nothing\nof it\n")
    with pytest.raises(TgvigError, match="1cls.csv cannot be read"):
        read("visa", tmp_path)


@pytest.fixture
def asked(monkeypatch) -> list:
    """What anomalib is asked to prepare, in place of preparing it."""
    calls = []
    for name, module in MODULES.items():
        monkeypatch.setattr(
            module, "prepare_data", lambda self, name=name: calls.append((name, self.root, self.category))
        )
    return calls


BUILD = {"mvtec": mvtec, "loco": loco, "btad": btad, "visa": mvtec}


@pytest.mark.parametrize("dataset", MODULES)
def test_anomalib_is_asked_to_download_exactly_when_it_is_wanted(tmp_path, asked, dataset):
    names = layout.entry(dataset).facts["categories"]
    for name in names:
        BUILD[dataset](tmp_path / name)
    assert len(read(dataset, tmp_path)) == len(names) and asked == []
    read(dataset, tmp_path, names[:2], download=True)
    assert asked == [(dataset, tmp_path, name) for name in names[:2]]
    asked.clear()
    read(dataset, tmp_path, download=True)
    assert asked == [(dataset, tmp_path, name) for name in names]


@pytest.mark.parametrize("dataset", [*MODULES, "folder"])
def test_an_error_without_a_download_asks_for_none(tmp_path, asked, dataset):
    with pytest.raises(TgvigError):
        read(dataset, tmp_path / "absent")
    assert asked == []


def test_what_anomalib_knows_is_what_can_be_asked_for():
    from anomalib.data.datasets.image import btech, mvtec_loco, mvtecad, visa

    theirs = dict(zip(MODULES, (mvtecad, mvtec_loco, btech, visa), strict=True))
    assert {name: set(module.CATEGORIES) for name, module in theirs.items()} == {
        name: set(layout.entry(name).facts["categories"]) for name in MODULES
    }
    assert set(layout.names()) == {*MODULES, "folder"}


def test_a_misspelt_category_is_not_downloaded_nor_a_folder_of_ones_own(tmp_path, asked):
    with pytest.raises(TgvigError, match="mvtec has no category bottel"):
        read("mvtec", tmp_path, ["bottel"], download=True)
    with pytest.raises(TgvigError, match="nothing to download"):
        read("folder", tmp_path, download=True)
    assert asked == []


def test_a_download_that_fails_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(MVTecAD, "prepare_data", lambda self: (_ for _ in ()).throw(OSError("no route to host")))
    with pytest.raises(TgvigError, match="mvtec could not be downloaded into .*no route to host.*by hand"):
        read("mvtec", tmp_path, ["bottle"], download=True)


def test_btad_is_not_unpacked_into_a_folder_that_holds_something(tmp_path, asked):
    (tmp_path / "root").mkdir()
    with pytest.raises(TgvigError, match="no folder"):  # made way, and the fake brought nothing
        read("btad", tmp_path / "root", download=True)
    assert len(asked) == 3
    photo(tmp_path / "full" / "own.png")
    with pytest.raises(TgvigError, match="full is not empty"):
        read("btad", tmp_path / "full", download=True)
    assert len(asked) == 3 and (tmp_path / "full" / "own.png").is_file()
