"""The leaderboard has the metrics of the cards."""

import csv
import json

import pytest

import zoo
from zoo.publishing import leaderboard


@pytest.mark.parametrize("name", ["leaderboard.md", "leaderboard.csv", "leaderboard.html"])
def test_the_leaderboard_is_generated_from_the_cards(name: str) -> None:
    """If this fails, run `zoo leaderboard`."""
    text = (leaderboard.FOLDER / name).read_text(encoding="utf-8")
    assert text == leaderboard.contents()[name]


def test_each_metric_of_each_card_has_a_row() -> None:
    expected = {
        (name, m["metric"], m["value"])
        for name in zoo.list_models()
        for m in zoo.card(name).metrics
    }
    rows = {(row["name"], row["metric"], row["value"]) for row in leaderboard.rows()}
    assert rows == expected


def test_the_best_value_is_first() -> None:
    rows = [
        row for row in leaderboard.rows() if (row["data"], row["metric"]) == ("Digits", "fd-pixels")
    ]
    values = [row["value"] for row in rows]
    assert values == sorted(values)
    assert len(values) >= 2


def test_years_are_those_of_the_papers() -> None:
    assert leaderboard.year("zoo.gans.dcgan.DCGAN") == 2015
    assert leaderboard.year("zoo.classifiers.lenet.LeNet") == 1998


def test_text_of_cards_is_not_markup() -> None:
    row = leaderboard.rows()[0] | {"paper": "</script><script>alert(1)</script>"}
    text = leaderboard.to_html([row], {})
    assert "alert(1)</script>" not in text
    data = text.partition("const rows = ")[2].partition(";\nconst columns")[0]
    assert json.loads(data)[0]["paper"] == row["paper"]


def test_the_csv_has_all_rows() -> None:
    rows = list(csv.DictReader(leaderboard.to_csv(leaderboard.rows()).splitlines()))
    assert len(rows) == len(leaderboard.rows())
    assert tuple(rows[0]) == leaderboard.COLUMNS
