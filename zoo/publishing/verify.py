"""`zoo verify`: a weights file against its card and its preview."""

from pathlib import Path
from tempfile import TemporaryDirectory

from zoo.core.modality import modality_of
from zoo.core.preview import preview, rendered_inputs
from zoo.errors import ZooError
from zoo.pretrained import catalog
from zoo.pretrained.cards import Card
from zoo.pretrained.weights import load, sha256


def verify(name: str) -> list[str]:
    """The checks of `verify_files` for a name, a file or a repository; raises ZooError."""
    return verify_files(catalog.card(name), catalog.weights_path(name), catalog.preview_path(name))


def verify_files(card: Card, path: Path, shown: Path) -> list[str]:
    """The checks that passed: the digest on the card, strict loading, and the preview, which is
    rendered again and must be equal up to rounding. Raises ZooError for the first that fails."""
    if (digest := sha256(path)) != card.facts["sha256"]:
        raise ZooError(
            f"sha256 of {path} must be that of its card, {card.facts['sha256']}, got {digest}. "
            "Fetch or export the model again"
        )
    model = load(path)
    modality = modality_of(model)
    found = preview(model, modality, rendered_inputs(shown, modality))
    with TemporaryDirectory(prefix="zoo-") as aside:
        again = found.render(Path(aside) / shown.name)
        difference = found.modality.compare(again, shown)
    return ["digest", "strict load", f"preview from seed 0 ({difference})"]
