"""A character LSTM, and texts for it."""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Adam, Optimizer

from zoo.core.modality import Text
from zoo.core.module import ZooModule
from zoo.data.arrays import DatasetInfo, Examples, Split, every_tenth
from zoo.data.module import ZooDataModule

VOCABULARY = " abcdefghijklmnopqrstuvwxyz"
LINE = "the quick brown fox jumps over the lazy dog "


class CharLSTM(ZooModule):
    """Predicts each character from those before it."""

    def __init__(
        self, vocabulary: str = VOCABULARY, length: int = 16, width: int = 32, lr: float = 1e-2
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.start = len(vocabulary)  # the index that comes before a text
        self.embed = nn.Embedding(len(vocabulary) + 1, width)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.head = nn.Linear(width, len(vocabulary))

    @property
    def modality(self) -> Text:
        return Text(self.hparams["vocabulary"], self.hparams["length"])

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-likelihood of texts (n, length) in nats: (n,)."""
        before = torch.cat([torch.full_like(x[:, :1], self.start), x[:, :-1]], dim=1)
        logits = self.head(self.lstm(self.embed(before))[0])
        return -cross_entropy(logits.movedim(2, 1), x, reduction="none").sum(1)

    @torch.no_grad()
    def sample(self, n: int, seed: int | None = None) -> Tensor:
        """Texts (n, length)."""
        generator = torch.Generator().manual_seed(torch.seed() if seed is None else seed)
        last, state = torch.full((n, 1), self.start, device=self.device), None
        texts = []
        for _ in range(self.hparams["length"]):
            features, state = self.lstm(self.embed(last), state)
            chances = self.head(features[:, 0]).softmax(1).cpu()
            last = torch.multinomial(chances, 1, generator=generator).to(self.device)
            texts.append(last)
        return torch.cat(texts, dim=1)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        return -self.log_prob(batch[0]).mean()

    def configure_optimizers(self) -> Optimizer:
        return Adam(self.parameters(), self.hparams["lr"])


class Lines(ZooDataModule):
    """Windows of one line that repeats."""

    source = DatasetInfo("Lines", "not published", "CC0-1.0", "Apache-2.0")
    modality = Text(VOCABULARY, 16)

    def read(self, split: Split) -> Examples:
        text = self.modality.encode(LINE * 12)
        windows = self.modality.store(text.unfold(0, 16, 3))
        kept = every_tenth(len(windows), split)
        return Examples(windows[kept], torch.empty(len(kept), 0))
