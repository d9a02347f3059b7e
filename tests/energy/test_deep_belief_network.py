"""Deep belief network: greedy layers are RBMs; up-down learning by sums; exact label energies."""

import math

import pytest
import torch
from loops import Batch, assert_same, fit, one_thread
from torch import Tensor
from torch.optim import SGD

from zoo.core.protocols import Classifier, SupportsClasses, SupportsELBO
from zoo.energy import DeepBeliefNetwork
from zoo.errors import BadInput, BadRecipe
from zoo.layers.binary import BinaryLayer

__all__ = ["one_thread"]  # for every test of this file too
N, SIZE, CLASSES = 6, 3, 2


def toy(widths: tuple[int, ...] = (5, 4), scale: float = 1.0) -> DeepBeliefNetwork:
    torch.manual_seed(0)
    model = DeepBeliefNetwork(SIZE, 1, CLASSES, widths, memory=7, steps=(2, 1, 3))
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(scale)
    return model


def batches(count: int) -> list[Batch]:
    own = torch.Generator().manual_seed(0)
    x = torch.rand(count * N, 1, SIZE, SIZE, generator=own) * 2 - 1
    y = torch.randint(CLASSES, (count * N,), generator=own)
    return list(zip(x.split(N), y.split(N), strict=True))


def coin(p: Tensor) -> Tensor:
    return (torch.rand_like(p) < p).float()


def softened(layer: BinaryLayer, h: Tensor, labels: int) -> Tensor:
    logits = h @ layer.weight + layer.visible_bias
    if not labels:
        return logits.sigmoid()
    return torch.cat([logits[:, :-labels].sigmoid(), logits[:, -labels:].softmax(1)], 1)


def hinton_2006(model: DeepBeliefNetwork, data: list[Batch]) -> None:
    """CD-1 for each of three RBMs, then the up-down algorithm of appendix B, by sums over the
    batch."""
    optimizer = SGD(model.parameters(), 0.05, momentum=0.5)
    numbers = iter((2, 1, 3))  # of Gibbs steps
    stages = [0, 0, 0, 1, 1, 2, 2, 3, 3, 3]  # seven of ten steps are greedy
    for (x, y), stage in zip(data, stages, strict=True):
        optimizer.zero_grad()
        v, label = (x.flatten(1) + 1) / 2, torch.eye(CLASSES)[y]
        if stage < 3:
            optimizer.param_groups[0]["lr"] = 0.05
            for layer in model.recognition[:stage]:
                v = layer.up(v)
            layer = model.recognition[stage] if stage < 2 else model.memory
            v = torch.cat([v, label], 1) if stage == 2 else v
            h = layer.up(v)
            again = softened(layer, coin(h), CLASSES if stage == 2 else 0)
            contrast(layer, v, h, again, layer.up(again))
            optimizer.step()
            if stage < 2:
                model.generation[stage].load_state_dict(layer.state_dict())
            continue
        optimizer.param_groups[0]["lr"] = 0.01
        h1 = coin(model.recognition[0].up(v))
        h2 = coin(model.recognition[1].up(h1))
        model.mean.mul_(0.99).add_(0.01 * h2.mean(0))
        for layer, below, above in zip(model.generation, (v, h1), (h1, h2), strict=True):
            p = (above @ layer.weight + layer.visible_bias).sigmoid()
            layer.weight.grad = torch.einsum("nh,nv->hv", above, p - below) / N
            layer.visible_bias.grad = (p - below).mean(0)
        top = torch.cat([h2, label], 1)
        first = h = model.memory.up(top)
        for _ in range(next(numbers)):
            p = softened(model.memory, coin(h), CLASSES)
            cumulative = p[:, -CLASSES:].cumsum(1)
            u = torch.rand(N, 1) * cumulative[:, -1:]
            chosen = torch.eye(CLASSES)[(cumulative < u).sum(1)]
            dream = torch.cat([coin(p[:, :-CLASSES]), chosen], 1)
            h = model.memory.up(dream)
        contrast(model.memory, top, first, dream, h)
        above = dream[:, :-CLASSES]
        for k in (1, 0):
            below = coin(
                (above @ model.generation[k].weight + model.generation[k].visible_bias).sigmoid()
            )
            p = model.recognition[k].up(below)
            model.recognition[k].weight.grad = (p - above).T @ below / N
            model.recognition[k].hidden_bias.grad = (p - above).mean(0)
            above = below
        optimizer.step()


def contrast(layer: BinaryLayer, v: Tensor, h: Tensor, v2: Tensor, h2: Tensor) -> None:
    outer = torch.einsum("nh,nv->hv", h2, v2) - torch.einsum("nh,nv->hv", h, v)
    layer.weight.grad = outer / N + 2e-4 * layer.weight
    layer.visible_bias.grad = (v2 - v).mean(0)
    layer.hidden_bias.grad = (h2 - h).mean(0)


def test_steps_are_the_algorithm() -> None:
    model, plain, data = toy(), toy(), batches(10)
    fit(model, batches=data)
    torch.manual_seed(1)
    with torch.no_grad():
        hinton_2006(plain, data)
    expected = plain.state_dict()
    for name, value in model.state_dict().items():
        assert torch.allclose(value, expected[name], atol=1e-6), name


def states_of(units: int) -> Tensor:
    return (torch.arange(2**units)[:, None] >> torch.arange(units) & 1).float()


def test_logits_are_sums_over_the_memory() -> None:
    """exp(logit) is proportional to the sum, over all states of the memory, of exp(-E)."""
    model = toy(scale=100.0)
    x = batches(1)[0][0]
    below = model.features(x)
    states = states_of(7)
    for k in range(CLASSES):
        units = torch.cat([below, torch.eye(CLASSES)[k].expand(N, -1)], 1)
        energy = units @ model.memory.weight.T @ states.T + states @ model.memory.hidden_bias
        total = energy.logsumexp(1) + units @ model.memory.visible_bias
        visible = below @ model.memory.visible_bias[:-CLASSES]
        assert torch.allclose(model.classify(x)[:, k], total - visible, atol=1e-4)


def log_bernoulli(logits: Tensor, units: Tensor) -> Tensor:
    return torch.distributions.Bernoulli(logits=logits).log_prob(units).sum(-1)


@torch.no_grad()
def test_bound_is_that_of_the_exact_likelihood() -> None:
    """exp(bound) of a sample of q is an unbiased estimate of p(v), the sum over all units."""
    model = toy(widths=(4, 3), scale=60.0)
    v = torch.rand(1, SIZE**2, generator=torch.Generator().manual_seed(2)).round()
    h1, h2, top = states_of(4), states_of(3), states_of(7)
    labels = torch.eye(CLASSES)
    below = torch.cat([h2.repeat_interleave(CLASSES, 0), labels.repeat(len(h2), 1)], 1)
    energy = below @ model.memory.weight.T @ top.T + top @ model.memory.hidden_bias
    joint = energy.logsumexp(1) + below @ model.memory.visible_bias
    assert model.log_partition().value == pytest.approx(float(joint.logsumexp(0)), abs=1e-4)
    log_h2 = (joint - joint.logsumexp(0)).unflatten(0, (-1, CLASSES)).logsumexp(1)
    log_h1 = log_bernoulli(model.generation[1].down_logits(h2)[:, None], h1[None])
    log_v = log_bernoulli(model.generation[0].down_logits(h1), v)
    exact = float((log_h2[:, None] + log_h1 + log_v[None]).flatten().logsumexp(0))

    torch.manual_seed(0)
    images = (2 * v - 1).reshape(1, 1, SIZE, SIZE).expand(20_000, -1, -1, -1)
    likelihood, divergence = model.elbo_terms(images)
    bounds = (likelihood - divergence).double()
    assert float(bounds.mean()) < exact
    estimate = float(bounds.logsumexp(0)) - math.log(len(bounds))
    assert estimate == pytest.approx(exact, abs=0.05)


def test_partition_function_is_kept_until_a_weight_changes() -> None:
    model = toy()
    before = model.log_partition()
    assert model.log_partition() is before
    with torch.no_grad():
        model.memory.visible_bias.add_(1.0)  # of all labels, too
    after = model.log_partition()
    assert after.value > before.value


def test_a_label_is_held_fixed() -> None:
    """With strong weights between each label and a unit, dreams show the label."""
    model = toy(widths=(2,), scale=0.0)
    with torch.no_grad():
        model.memory.weight[0, 2], model.memory.weight[1, 3] = 60.0, 60.0  # label to memory
        model.memory.weight[0, 0], model.memory.weight[1, 1] = 20.0, 20.0  # memory to unit
        model.memory.hidden_bias[:2] = -40.0
        model.memory.visible_bias[:2] = -10.0
        model.generation[0].weight[0], model.generation[0].weight[1] = 9.0, -9.0
    images = model.sample(4, seed=0)
    assert images.shape == (4, 1, SIZE, SIZE)
    assert [bool(image.mean() > 0) for image in images] == [True, False, True, False]
    assert torch.equal(
        model.sample(2, seed=0, labels=torch.tensor([1, 1])).sign(), -torch.ones(2, 1, 3, 3)
    )
    with pytest.raises(BadInput, match="2"):
        model.sample(1, labels=torch.tensor([2]))


def test_it_classifies_and_samples() -> None:
    model = toy()
    assert isinstance(model, Classifier)
    assert isinstance(model, SupportsELBO)
    assert isinstance(model, SupportsClasses)
    assert_same({"a": model.sample(3, seed=1)}, {"a": model.sample(3, seed=1)})
    with pytest.raises(BadRecipe, match="widths"):
        DeepBeliefNetwork(SIZE, widths=())
    with pytest.raises(BadRecipe, match="steps"):
        DeepBeliefNetwork(SIZE, steps=(3, 0))
    with pytest.raises(BadRecipe, match="labels"):
        fit(toy(), batches=[(x, torch.empty(N, 0)) for x, _ in batches(1)])
