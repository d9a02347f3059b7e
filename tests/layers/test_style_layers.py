"""Facts of the layers of style-based generators."""

import torch
from torch.nn.functional import conv2d, conv_transpose2d, interpolate, pad

from zoo.layers.equalized import EqualizedConv2d, EqualizedLinear, PixelNorm
from zoo.layers.resample import TAPS, blur, downsample, upsample
from zoo.layers.styles import ModulatedConv, StyledLayer


def test_equalized_layers_keep_the_variance_of_their_inputs() -> None:
    torch.manual_seed(0)
    x = torch.randn(500, 64)
    assert 0.9 < EqualizedLinear(64, 64)(x).var() < 1.1
    assert 0.9 < EqualizedLinear(64, 64, lr_scale=0.01)(x).var() < 1.1
    maps = torch.randn(20, 32, 9, 9)
    assert 0.9 < EqualizedConv2d(32, 32, 3)(maps)[:, :, 1:-1, 1:-1].var() < 1.1


def test_a_step_on_a_slow_layer_is_scaled() -> None:
    """A change of the stored weight changes the weight in use by lr_scale."""
    for scale in (1.0, 0.01):
        layer = EqualizedLinear(4, 1, lr_scale=scale)
        before = layer(torch.ones(1, 4)).item()
        layer.weight.data += 1
        layer.bias.data += 1
        assert abs(layer(torch.ones(1, 4)).item() - before - scale * (4 / 4**0.5 + 1)) < 1e-4


def test_pixel_norm_gives_a_root_mean_square_of_one() -> None:
    x = PixelNorm()(torch.randn(3, 16, 2, 2) * 7)
    assert torch.allclose(x.square().mean(1), torch.ones(3, 2, 2), atol=1e-4)


def materialized(conv: ModulatedConv, w: torch.Tensor, demodulate: bool) -> torch.Tensor:
    """The weights (n, b, a, k, k) of each image: equations 1 to 3."""
    weights = conv.style(w)[:, None, :, None, None] * (conv.weight * conv.scale)
    norm = (weights.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()
    return weights / norm if demodulate else weights


def test_modulation_equals_weights_of_each_image() -> None:
    torch.manual_seed(0)
    x, w = torch.randn(3, 6, 8, 8), torch.randn(3, 5)
    for kernel in (1, 3):
        for demodulate in (True, False):
            conv = ModulatedConv(6, 4, kernel, 5)
            weights = materialized(conv, w, demodulate)
            one = [conv2d(x[[i]], weights[i], padding=kernel // 2) for i in range(3)]
            assert torch.allclose(conv(x, w, demodulate), torch.cat(one), atol=1e-5)


def test_upsampling_modulation_equals_weights_of_each_image() -> None:
    torch.manual_seed(0)
    x, w, conv = torch.randn(3, 6, 4, 4), torch.randn(3, 5), ModulatedConv(6, 4, 3, 5, up=True)
    weights = materialized(conv, w, demodulate=True).transpose(1, 2)
    one = [conv_transpose2d(x[[i]], weights[i], stride=2) for i in range(3)]
    assert torch.allclose(conv(x, w), 4 * blur(torch.cat(one), padding=1), atol=1e-5)
    assert conv(x, w).shape == (3, 4, 8, 8)


def test_demodulated_maps_have_unit_variance() -> None:
    """Section 2.2: the statistics are those after modulation, convolution and normalization."""
    torch.manual_seed(0)
    x, w = torch.randn(8, 32, 32, 32), 5 * torch.randn(8, 16)
    maps = ModulatedConv(32, 8, 3, 16)(x, w)[:, :, 1:-1, 1:-1]
    assert torch.allclose(maps.std((2, 3)), torch.ones(8, 8), atol=0.15)


def test_noise_is_random_in_training_and_fixed_afterwards() -> None:
    layer = StyledLayer(4, 4, 8, 4)
    x, w = torch.randn(2, 4, 8, 8), torch.randn(2, 4)
    layer.strength.data.fill_(1.0)
    assert not torch.equal(layer(x, w), layer(x, w))
    layer.eval()
    assert torch.equal(layer(x, w), layer(x, w))


def test_upsampling_interpolates_linearly() -> None:
    x = torch.randn(2, 3, 6, 6)
    linear = interpolate(x, scale_factor=2, mode="bilinear")
    assert torch.allclose(upsample(x)[:, :, 1:-1, 1:-1], linear[:, :, 1:-1, 1:-1], atol=1e-6)


def test_downsampling_filters_first() -> None:
    x = torch.randn(2, 3, 6, 6)
    assert torch.allclose(downsample(x), blur(x, 1)[:, :, ::2, ::2], atol=1e-6)
    stripes = torch.ones(1, 1, 8, 8)
    stripes[..., ::2] = -1  # the highest frequency, which halving could not represent
    assert downsample(stripes)[..., 1:-1].abs().max() < 1e-6


def test_the_filter_is_binomial() -> None:
    x = torch.zeros(1, 1, 1, 1)
    x += 1
    expected = torch.outer(TAPS, TAPS)
    assert TAPS.tolist() == [0.125, 0.375, 0.375, 0.125]
    assert torch.equal(blur(pad(x, (3,) * 4), 0)[0, 0], expected)
