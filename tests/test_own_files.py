"""Sounds, tables, series and meshes of one's own go through every command."""

import csv
from pathlib import Path

import pytest
import torch
from toys import QUIET, fails

import zoo
from zoo import waveforms
from zoo.cli import main
from zoo.core.modality import Audio, Table, Voxels

SMALL = ["--trainer.max_epochs", "1", "--trainer.log_every_n_steps", "1", *QUIET]


@pytest.fixture
def sounds(here: Path) -> Path:
    """Twelve tones at 11,025 Hz."""
    modality = Audio(4096, 11025)
    for i, values in enumerate(modality.toy(12)[0]):
        waveforms.write(values[0], here / "sounds" / f"{i:02}.wav", 11025)
    return here


def test_own_sounds_are_trained_and_exported(sounds: Path) -> None:
    data = ["--data", "sounds", "--data.init_args.length", "3072", "--data.init_args.rate", "8000"]
    data += ["--data.init_args.batch_size", "4"]
    model = ["--model.init_args.width", "2"]
    main(["fit", "wavegan-spoken-digits", "--name", "tones", *data, *model, *SMALL])
    terms = ["--license", "CC0-1.0", "--terms", "my own recordings"]
    main(["export", "runs/tones", "tones", "--protocol", "quick", *terms])
    path = sounds / "exports" / "tones.safetensors"
    assert path.with_suffix(".wav").is_file()
    assert path.with_suffix(".png").is_file()  # spectrograms
    card = zoo.card(path)
    assert card.metrics[0]["metric"] == "fd-spectrograms"
    assert card.within("data")["name"] == "sounds (own sounds)"
    main(["verify", str(path)])
    main(["sample", str(path), "-n", "3", "--to", "few.wav"])
    assert len(waveforms.read(sounds / "few.wav", 8000)) == 3 * (3072 + 2000)
    main(["sample", str(path), "-n", "3", "--to", "few.npy"])
    assert ".wav" in fails("sample", str(path), "-n", "3", "--to", "few.csv")


def test_a_missing_file_is_no_class(here: Path) -> None:
    words = fails("fit", "timegan-sines", "--data", "missing.csv")
    assert "a file, a folder or a class" in words
    assert "missing.csv" in words


def test_other_lengths_do_not_train(sounds: Path) -> None:
    data = ["--data", "zoo.data.AudioFolder", "--data.init_args.root", "sounds"]
    words = fails("fit", "wavegan-spoken-digits", *data, "--data.init_args.batch_size", "4", *SMALL)
    assert "16000" in words
    assert "8000" in words


@pytest.fixture
def people(here: Path) -> Path:
    table = Table({"age": "integer?", "height": "number", "pet": ["", "=cat", "dog"]})
    table.render(table.toy(200)[0], here / "people.csv")
    return here


def test_an_own_table_is_trained_and_exported(people: Path) -> None:
    data = ["--data", "people.csv", "--data.init_args.batch_size", "60"]
    main(["fit", "tvae-adult", "--name", "people", *data, "--model.init_args.width", "8", *SMALL])
    terms = ["--license", "CC0-1.0", "--terms", "my own records"]
    main(["export", "runs/people", "people", "--protocol", "quick", *terms])
    path = people / "exports" / "people.safetensors"
    main(["verify", str(path)])
    main(["sample", str(path), "-n", "50", "--to", "synthetic.csv"])
    with (people / "synthetic.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["age", "height", "pet"]
    assert len(rows) == 51
    assert {row[2] for row in rows[1:]} <= {"", "''=cat", "'=cat", "dog"}
    metrics = {record["metric"]: record for record in zoo.card(path).metrics}
    assert {"efficacy", "efficacy-real", "column-shapes", "pair-trends"} <= metrics.keys()
    assert "privacy" in str(metrics["closest-to-train"]["unit"])


def test_columns_of_another_table_do_not_fit(people: Path) -> None:
    data = ["--data", "zoo.data.CSVTable", "--data.init_args.file", "people.csv"]
    data += ["--data.init_args.batch_size", "60"]
    columns = ["--model.init_args.columns", "{age: integer}"]
    words = fails("fit", "tvae-adult", *data, *columns, *SMALL)
    assert "columns" in words


def test_the_classifier_of_digits_hears_digits() -> None:
    """Loudness does not matter, and features give the logits."""
    model = zoo.load("cnn-spoken-digits")
    x = model.modality.normalize(model.modality.toy(3)[0])
    assert model.classify(x).shape == (3, 10)
    assert torch.allclose(model.logits(model.features(x)), model.classify(x), atol=1e-4)
    assert torch.equal(model.classify(x).argmax(1), model.classify(x / 4).argmax(1))


def test_own_meshes_are_trained_and_exported(here: Path) -> None:
    values, _ = Voxels(8).toy(12)
    for i, shape in enumerate(values):
        Voxels(8).render(shape[None].float(), here / "meshes" / f"{i:02}.obj")
    own = ["--data", "meshes", "--data.init_args.size", "8", "--data.init_args.batch_size", "4"]
    main(["fit", "3d-gan-chairs", "--name", "boxes", *own, "--model.init_args.width", "2", *SMALL])
    terms = ["--license", "CC0-1.0", "--terms", "my own meshes"]
    main(["export", "runs/boxes", "boxes", "--protocol", "quick", *terms])
    path = here / "exports" / "boxes.safetensors"
    card = zoo.card(path)
    assert card.metrics[0]["metric"] == "fd-occupancy"
    assert card.within("data")["name"] == "meshes (own meshes)"
    main(["verify", str(path)])
    main(["sample", str(path), "-n", "3", "--to", "few.obj"])
    assert (here / "few.obj").read_text().count("\no shape-") == 3


def test_own_series_are_trained_and_exported(here: Path) -> None:
    lines = [f"{i},{i % 7},{i % 11 / 2}" for i in range(300)]
    (here / "river.csv").write_text("\n".join(["time,level,flow", *lines]))
    data = ["--data", "river.csv", "--data.init_args.length", "6"]
    data += ["--data.init_args.exclude", "[time]", "--model.init_args.length", "6"]
    main(["fit", "timegan-sines", "--name", "river", *data, "--model.init_args.width", "4", *SMALL])
    terms = ["--license", "CC0-1.0", "--terms", "my own records"]
    main(["export", "runs/river", "river", "--protocol", "quick", *terms])
    path = here / "exports" / "river.safetensors"
    assert path.with_suffix(".png").is_file()  # line charts
    card = zoo.card(path)
    assert card.metrics[0]["metric"] == "discriminative-score"
    assert card.within("data")["name"] == "river.csv (own series)"
    main(["verify", str(path)])
    main(["sample", str(path), "-n", "3", "--to", "few.csv"])
    with (here / "few.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["series", "step", "level", "flow"]
    assert len(rows) == 1 + 3 * 6
    assert all(0 <= float(row[2]) <= 6 and 0 <= float(row[3]) <= 5 for row in rows[1:])
