"""TimeGAN and the recurrent GAN: their steps are plain loops of the papers' algorithms."""

import pytest
import torch
from lightning import Trainer
from loops import Batch, assert_same, descend, fit, one_thread
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss
from torch.optim import SGD, Adam

from zoo.core.modality import Series
from zoo.core.series_models import SeriesGenerator
from zoo.data import CSVSeries, Sines
from zoo.errors import BadRecipe
from zoo.sequences import RecurrentGAN, TimeGAN

__all__ = ["one_thread"]  # for every test of this file too
MODALITY = Series(6, {"a": [-1.0, 1.0], "b": [0.0, 50.0]})
N = 8


def batches() -> list[Batch]:
    x = MODALITY.normalize(MODALITY.toy(6 * N)[0])
    return [(part, torch.empty(N, 0)) for part in x.split(N)]


def timegan() -> TimeGAN:
    torch.manual_seed(0)
    return TimeGAN(6, MODALITY.ranges, width=5, depth=2)


def bce(logits: Tensor, target: float) -> Tensor:
    return binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def uniform(*shape: int) -> Tensor:
    n, steps, d = shape
    return ((1 + torch.erf(torch.randn(n, steps * d) / 2**0.5)) / 2).view(shape)


def moments(fake: Tensor, real: Tensor) -> Tensor:
    of_fake, of_real = (torch.var_mean(x, 0, correction=0) for x in (fake, real))
    spread = (of_fake[0] + 1e-6).sqrt() - (of_real[0] + 1e-6).sqrt()
    return spread.abs().mean() + (of_fake[1] - of_real[1]).abs().mean()


def yoon_2019(model: TimeGAN) -> None:
    """Two steps of the embedding, two of the supervisor, two of all players."""
    E, R, G, S, D = (
        model.embedding, model.recovery, model.generator, model.supervisor, model.discriminator,
    )  # fmt: skip
    e = Adam([*E.parameters(), *R.parameters()], lr=1e-3, fused=True)
    g = Adam([*G.parameters(), *S.parameters()], lr=1e-3, fused=True)
    d = Adam(D.parameters(), lr=1e-3, fused=True)

    def only(*networks: torch.nn.Module) -> None:
        for network in (E, R, G, S, D):
            network.requires_grad_(network in networks)

    def supervised(h: Tensor) -> Tensor:
        return mse_loss(S(h)[:, :-1], h[:, 1:])

    for i, (x, _) in enumerate(batches()):
        if i < 2:
            only(E, R)
            descend(e, 10 * mse_loss(R(E(x)), x).sqrt())
        elif i < 4:
            only(G, S)
            descend(g, supervised(E(x)))
        else:
            for _ in range(2):
                only(G, S)
                latent = G(uniform(N, 6, 2))
                ahead = S(latent)
                loss = bce(D(ahead), 1) + bce(D(latent), 1) + 100 * supervised(E(x)).sqrt()
                descend(g, loss + 100 * moments(R(ahead), x))
                only(E, R)
                h = E(x)
                descend(e, 10 * mse_loss(R(h), x).sqrt() + 0.1 * supervised(h))
            only(D)
            latent = G(uniform(N, 6, 2))
            loss = bce(D(E(x)), 1) + bce(D(S(latent)), 0) + bce(D(latent), 0)
            assert loss > 0.15
            descend(d, loss)
    only(E, R, G, S, D)


def test_steps_are_the_algorithm() -> None:
    model, plain = timegan(), timegan()
    fit(model, batches=batches())
    torch.manual_seed(1)
    yoon_2019(plain)
    expected = plain.state_dict()
    for name, value in model.state_dict().items():
        assert torch.allclose(value, expected[name], atol=2e-6), name


def test_a_sure_discriminator_waits() -> None:
    """Real series have embeddings of 1, generated ones of 0, and its bias tells them apart."""
    model, before = timegan(), timegan().discriminator.state_dict()
    model.hparams["gamma"] = 0.0
    model.discriminator.forward = lambda h: 100 * (h.mean() - 0.5).expand(1)  # type: ignore[method-assign]
    for network, bias in ((model.embedding, 50.0), (model.supervisor, -50.0)):
        torch.nn.init.constant_(network.head.bias, bias)
    fit(model, epochs=3, batches=batches()[:1])
    assert_same(model.discriminator.state_dict(), before)


def esteban_2017(model: RecurrentGAN) -> None:
    """A step of the discriminator by SGD, a step of the generator by Adam; each step of a series
    is judged."""
    D, G = model.discriminator, model.generator
    d, g = SGD(D.parameters(), lr=0.1), Adam(G.parameters(), lr=1e-3)
    for x, _ in batches():
        fake = G(uniform(N, 6, 3)).sigmoid().detach()
        d.zero_grad()
        (bce(D(x), 1) + bce(D(fake), 0)).backward()
        d.step()
        descend(g, bce(D(G(uniform(N, 6, 3)).sigmoid()), 1))


def test_the_baseline_is_its_algorithm() -> None:
    torch.manual_seed(0)
    model = RecurrentGAN(6, MODALITY.ranges, latent=3, width=4)
    torch.manual_seed(0)
    plain = RecurrentGAN(6, MODALITY.ranges, latent=3, width=4)
    fit(model, batches=batches())
    torch.manual_seed(1)
    esteban_2017(plain)
    for name, value in model.state_dict().items():
        assert torch.allclose(value, plain.state_dict()[name], atol=1e-6), name


@pytest.mark.parametrize("kind", [TimeGAN, RecurrentGAN])
def test_samples_are_series(kind: type[SeriesGenerator]) -> None:
    model = kind(6, MODALITY.ranges, width=4)
    samples = model.sample(300, seed=0)
    assert samples.shape == (300, 6, 2)
    assert 0 <= samples.min() <= samples.max() <= 1
    assert torch.equal(model.sample(3, seed=0), samples[:3])
    assert model.sample(0, seed=0).shape == (0, 6, 2)
    MODALITY.check(samples)


@pytest.mark.parametrize("kind", [TimeGAN, RecurrentGAN])
def test_columns_come_from_the_data(kind: type[SeriesGenerator]) -> None:
    model, data = kind(width=4), Sines(batch_size=100)
    trainer = Trainer(
        max_steps=1, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, limit_val_batches=0,
    )  # fmt: skip
    trainer.fit(model, datamodule=data)
    assert model.modality == data.modality
    assert model.sample(2).shape == (2, 24, 5)


def test_stages_need_an_end() -> None:
    with pytest.raises(BadRecipe, match="max_epochs"):
        fit(timegan(), epochs=-1, batches=batches())


def test_a_model_without_columns_needs_data_of_series() -> None:
    with pytest.raises(BadRecipe, match=CSVSeries.__name__):
        fit(TimeGAN(6), batches=batches())
