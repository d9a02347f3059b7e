"""VAE of pythae at the size of `dense.py`, for `speed.py`; requires pythae.

The model trains with pythae's own Trainer and data. After every turn, it prints the seconds per
step and waits for a line on its standard input.
"""

import os
import sys
import time
from tempfile import TemporaryDirectory

import torch
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback
from torch import Tensor, nn
from torchvision.datasets import FashionMNIST

HIDDEN, LATENT, BATCH = 400, 20, 128


class Encoder(BaseEncoder):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(784, HIDDEN), nn.Tanh())
        self.mean, self.log_variance = nn.Linear(HIDDEN, LATENT), nn.Linear(HIDDEN, LATENT)

    def forward(self, x: Tensor) -> ModelOutput:
        h = self.body(x)
        return ModelOutput(embedding=self.mean(h), log_covariance=self.log_variance(h))


class Decoder(BaseDecoder):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(LATENT, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 784), nn.Sigmoid()
        )

    def forward(self, z: Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=self.body(z).reshape(-1, 1, 28, 28))


class Turns(TrainingCallback):
    """Measure the time of each turn of steps; wait between turns."""

    def __init__(self, steps: int) -> None:
        self.steps, self.count, self.out = steps, 0, os.fdopen(os.dup(1), "w")

    def wait(self) -> None:
        if not sys.stdin.readline():
            os._exit(0)
        self.start = time.perf_counter()

    def on_train_begin(self, training_config: BaseTrainerConfig, **kwargs: object) -> None:
        self.wait()

    def on_train_step_end(self, training_config: BaseTrainerConfig, **kwargs: object) -> None:
        self.count += 1
        if self.count % self.steps == 0:
            print((time.perf_counter() - self.start) / self.steps, file=self.out, flush=True)
            self.wait()


def main() -> None:
    turns = Turns(int(sys.argv[1]))
    os.dup2(2, 1)  # keep the messages of pythae out of the measurements
    images = FashionMNIST(os.environ.get("ZOO_DATA") or "data").data[:, None].float() / 255
    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=LATENT, reconstruction_loss="bce")
    with TemporaryDirectory() as folder:
        training = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=10_000,
            learning_rate=1e-3,
            per_device_train_batch_size=BATCH,
            no_cuda=True,
        )
        data = BaseDataset(images, torch.zeros(len(images)))
        BaseTrainer(VAE(config, Encoder(), Decoder()), data, None, training, [turns]).train()


if __name__ == "__main__":
    main()
