"""Series: windows of recordings, scaled and rendered; faults of CSV files."""

import csv
import math
from pathlib import Path

import pytest
import torch

from zoo.core.modality import Series, Table
from zoo.data import CSVSeries, Sines
from zoo.errors import BadInput, BadRecipe, MissingData, ZooError
from zoo.plotting.lines import line_charts

LENGTH = 4
LINES = 10 * 5 * LENGTH
BROKEN = torch.full((2, 3, 2), math.nan)


def recording(path: Path, lines: int = LINES, cell: str = "") -> Path:
    """A ramp, a constant and a column of times; `cell` replaces one number."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["time", "ramp", "constant"])
        writer.writerows([f"{i}:00", i * 0.5, 7] for i in range(lines - 1))
        writer.writerow(["end", cell or (lines - 1) * 0.5, 7])
    return path


def module(path: Path, **settings: object) -> CSVSeries:
    return CSVSeries(str(path), **{"length": LENGTH, "exclude": ("time",)} | settings)  # type: ignore[arg-type]


def test_windows_stay_in_their_split(tmp_path: Path) -> None:
    """Ten blocks of 20 lines: the first is the test split; no window spans two blocks."""
    data = module(recording(tmp_path / "a.csv"))
    train, test = (data.examples(split).values for split in ("train", "test"))
    assert train.shape == (9 * 17, LENGTH, 2)
    assert test.shape == (17, LENGTH, 2)
    assert torch.equal(test[0, :, 0], torch.tensor([0.0, 0.5, 1.0, 1.5]).double())
    assert torch.equal(train[0, :, 0] - 10, test[0, :, 0])
    steps = train[:, 1:, 0] - train[:, :-1, 0]
    assert (steps == 0.5).all()


def test_a_model_takes_numbers_in_the_unit_interval(tmp_path: Path) -> None:
    data = module(recording(tmp_path / "a.csv"))
    modality = data.modality
    assert modality.ranges == {"ramp": [0.0, (LINES - 1) * 0.5], "constant": [7.0, 7.0]}
    values = data.examples("train").values
    scaled = modality.normalize(values)
    assert scaled.dtype == torch.float32
    assert 0 <= scaled.min() <= scaled.max() <= 1
    assert torch.allclose(modality.store(scaled), values, atol=1e-4)


def test_sines_are_what_their_formula_says() -> None:
    data = Sines()
    x = torch.cat([data.examples(split).values for split in ("train", "test")])
    assert x.shape == (10_000, 24, 5)
    phase = x[:, 0].asin()
    pitch = x[:, 1].asin() - phase
    for found in (phase, pitch):
        assert 0 <= found.min() <= found.max() <= 0.1
        assert float(found.mean()) == pytest.approx(0.05, abs=0.001)
    last = torch.sin(pitch * 23 + phase)
    assert torch.allclose(x[:, 23], last, atol=1e-6)


def test_a_file_of_series_has_charts_beside_it(tmp_path: Path) -> None:
    modality = Series(3, {"=a": [0.0, 10.0], "b": [-1.0, 1.0]})
    samples = torch.tensor([[[0.0, 0.5], [0.5, 1.0], [1.0, 0.0]]])
    modality.render(samples, tmp_path / "few.csv")
    with (tmp_path / "few.csv").open(newline="") as file:
        lines = list(csv.reader(file))
    assert lines == [
        ["series", "step", "'=a", "b"], ["0", "0", "0", "0"], ["0", "1", "5", "1"],
        ["0", "2", "10", "-1"],
    ]  # fmt: skip
    assert (tmp_path / "few.png").is_file()
    assert modality.compare(tmp_path / "few.csv", tmp_path / "few.csv") == "100.0% equal cells"
    modality.render(1 - samples, tmp_path / "other.csv")
    with pytest.raises(ZooError, match="other"):
        modality.compare(tmp_path / "few.csv", tmp_path / "other.csv")


def test_a_chart_draws_high_values_at_the_top() -> None:
    low, high = line_charts(torch.tensor([0.0, 1.0])[:, None, None].expand(2, 5, 1))
    rows = torch.arange(low.shape[1], dtype=torch.float32)[:, None]

    def center(chart: torch.Tensor) -> float:
        ink = (chart[0] - chart[0, 0, 0]).abs()
        return float((ink * rows).sum() / ink.sum())

    assert center(high) < 10
    assert center(low) > low.shape[1] - 10
    assert line_charts(torch.empty(0, 5, 1)).shape[0] == 0


@pytest.mark.parametrize(
    ("cell", "word"), [("many", "many"), ("", "constant"), ("nan", "ramp"), ("1e300", "1e300")]
)
def test_numbers_must_be_there(tmp_path: Path, cell: str, word: str) -> None:
    path = recording(tmp_path / "a.csv", cell=cell)
    if not cell:
        path.write_text(path.read_text().replace("3:00,1.5,7", "3:00,1.5,"))
    with pytest.raises(BadRecipe, match=word):
        module(path).examples("train")


def test_times_must_be_left_out(tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match="exclude"):
        module(recording(tmp_path / "a.csv"), exclude=()).examples("train")


def test_short_recordings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match=str(LINES)):
        module(recording(tmp_path / "a.csv", LINES - 1)).examples("train")
    with pytest.raises(BadRecipe, match="length"):
        CSVSeries(length=1)
    with pytest.raises(MissingData, match="--data"):
        _ = CSVSeries().modality
    with pytest.raises(MissingData, match="nothing"):
        _ = CSVSeries(str(tmp_path / "nothing.csv")).modality


@pytest.mark.parametrize(
    "samples",
    [torch.zeros(2, 3, 1), torch.zeros(2, 3), torch.zeros(2, 3, 2).long(), BROKEN],
)  # fmt: skip
def test_series_are_checked(samples: torch.Tensor) -> None:
    with pytest.raises(BadInput, match="series"):
        Series(3, {"a": [0.0, 1.0], "b": [0.0, 1.0]}).check(samples)


@pytest.mark.parametrize("pair", [[1.0], [2.0, 1.0], [0.0, math.nan], ["0", 1.0], [0.0, 1.0, 2.0]])
def test_ranges_are_two_numbers(pair: list[float]) -> None:
    with pytest.raises(BadRecipe, match="'a'"):
        Series(3, {"a": pair})


def test_other_columns_do_not_fit() -> None:
    mine = Series(3, {"a": [0.0, 1.0]})
    assert mine.mismatch(mine) is None
    for other, word in (
        (Series(4, {"a": [0.0, 1.0]}), "length"),
        (Series(3, {"a": [0.0, 2.0]}), "a"),
        (Table({"a": "number"}), "series"),
    ):
        found = mine.mismatch(other)
        assert found is not None
        assert word in found.reason
