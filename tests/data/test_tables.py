"""Tables: inferred and given kinds, missing values, faults of CSV files, files written."""

from pathlib import Path

import pytest
import torch

from zoo.core.modality import Table
from zoo.data import CSVTable
from zoo.data.csv_files import Kind
from zoo.errors import BadInput, BadRecipe, MissingData, ZooError

ROWS = """age,height,pet,score,same
31,1.75, cat,0,x
42,,dog,1,x
NA,1.62,"a, b",1,x
54,1.8e0,,0,x
"""


@pytest.fixture
def table(tmp_path: Path) -> str:
    (tmp_path / "people.csv").write_text(ROWS)
    return str(tmp_path / "people.csv")


def written(tmp_path: Path, text: str | bytes) -> str:
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


def test_kinds_are_inferred(table: str) -> None:
    columns = CSVTable(table).modality.columns_
    assert columns == {
        "age": "integer?",
        "height": "number?",
        "pet": ["", "a, b", "cat", "dog"],
        "score": ["0", "1"],
        "same": ["x"],
    }


def test_rows_are_numbers_and_indices(table: str) -> None:
    rows = CSVTable(table).table[1]
    wanted = [[31, 1.75, 2, 0, 0], [42, -1, 3, 1, 0], [-1, 1.62, 1, 1, 0], [54, 1.8, 0, 0, 0]]
    assert torch.equal(rows.nan_to_num(-1), torch.tensor(wanted, dtype=torch.float64))
    assert rows.isnan().sum() == 2


def test_kinds_are_overridden(table: str) -> None:
    kinds: dict[str, Kind] = {"age": "category", "score": "integer"}
    columns = CSVTable(table, kinds=kinds, exclude=("pet",)).modality.columns_
    assert columns["age"] == ["", "31", "42", "54"]
    assert columns["score"] == "integer"
    assert list(columns) == ["age", "height", "score", "same"]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("a,b\n1,2\n1,2,3\n", "line 3 .* 2 cells.* 3"),
        ("a,b\n1,2\n\n1\n", "line 4 .* 2 cells.* 1"),
        ("a,b\n", "rows"),
        ("", "names of its columns"),
        ("a,b,a\n1,2,3\n", "line 1 .*'a'"),
        ("a,,b\n1,2,3\n", "line 1 "),
        (b"a,b\n1,\xff\n", "UTF-8"),
        ('a,b\n1,"x\n', "line 2"),
        ("a,b\n1," + "x" * 200_000 + "\n", "field larger .* line 2"),
        ("a\n" + "\n".join(f"v{i}" for i in range(1001)), "'a' .* 1000 .* 1001"),
        ("a\nfalse\n" + "x" * 201, "'a' .*200"),
    ],
)
def test_a_damaged_file_has_one_message(text: str | bytes, match: str, tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match=match):
        CSVTable(written(tmp_path, text)).examples("train")


def test_wrong_settings_are_named(table: str) -> None:
    with pytest.raises(BadRecipe, match=r"kinds.*'agge'"):
        CSVTable(table, kinds={"agge": "number"}).examples("train")
    with pytest.raises(BadRecipe, match=r"'pet'.*'a, b'|'pet'.*'cat'"):
        CSVTable(table, kinds={"pet": "number"}).examples("train")
    with pytest.raises(BadRecipe, match=r"target.*agge"):
        CSVTable(table, target="agge").examples("train")
    with pytest.raises(BadRecipe, match="delimiter"):
        CSVTable(table, delimiter="::")
    with pytest.raises(MissingData, match=r"none\.csv"):
        CSVTable(str(Path(table).with_name("none.csv"))).examples("train")


def test_control_characters_do_not_reach_a_terminal(tmp_path: Path) -> None:
    path = written(tmp_path, "a\x1b[31m,b\nred\x1b[0m,2\nx,3\ny,4\n")
    columns = CSVTable(path).modality.columns_
    assert columns == {"a[31m": ["red[0m", "x", "y"], "b": "integer"}


def test_a_file_that_is_written_is_read_again(table: str, tmp_path: Path) -> None:
    data = CSVTable(table)
    data.modality.render(data.table[1], tmp_path / "again.csv")
    again = CSVTable(str(tmp_path / "again.csv"))
    assert again.table[0] == data.table[0]
    assert torch.equal(again.table[1].nan_to_num(-1), data.table[1].nan_to_num(-1))


def test_formulas_are_not_executed(tmp_path: Path) -> None:
    table = Table({"=A1": ["=1+1", "@x", "-", "+", "\tx", "safe"], "n": "number"})
    rows = torch.stack([torch.arange(6.0), torch.full((6,), -1.5)], 1)
    table.render(rows, tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[:3] == ["'=A1,n", "'=1+1,-1.5", "'@x,-1.5"]
    assert lines[-1] == "safe,-1.5"
    assert all(line.startswith("'") for line in lines[1:-1])


def test_files_of_equal_tables_agree(tmp_path: Path) -> None:
    table = Table({"n": "number", "c": ["a", "b"]})
    rows = torch.rand(50, 2).double().round(decimals=4) + torch.tensor([1.0, 0.0])
    rows[:, 1] = 0
    table.render(rows, tmp_path / "a.csv")
    table.render(rows * torch.tensor([1.0001, 1.0]), tmp_path / "b.csv")
    table.compare(tmp_path / "a.csv", tmp_path / "b.csv")
    table.render(rows * torch.tensor([2.0, 1.0]), tmp_path / "d.csv")
    with pytest.raises(ZooError, match=r"d\.csv"):
        table.compare(tmp_path / "a.csv", tmp_path / "d.csv")


def test_other_columns_do_not_fit() -> None:
    table = Table({"n": "number", "c": ["a", "b"]})
    assert table.mismatch(Table({})) is None
    with pytest.raises(BadRecipe, match="'c'"):
        table.check_data(Table({"n": "number", "c": ["a", "z"]}))
    with pytest.raises(BadInput, match="rows"):
        table.check(torch.zeros(3, 3))
