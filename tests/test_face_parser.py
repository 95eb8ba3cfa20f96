"""The embedded domain's parser: class maps by a short cut are those of the long way."""

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from ohlora_lib.networks.batch_norm import fold_batch_norms
from ohlora_lib.networks.face_parser import CLASSES, FaceParser, likeliest_classes, u_net


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 20), st.integers(0, 2**31))
def test_classes_are_those_of_interpolated_logits(height, width, side, seed):
    stream = torch.Generator().manual_seed(seed)
    logits = torch.randn(3, CLASSES, height, width, generator=stream)
    # neighbours of one class, too: what only borders are interpolated for
    logits[:, 2] += 4 * (torch.rand(3, height, width, generator=stream) < 0.5)
    logits = logits.contiguous(memory_format=torch.channels_last)
    found = likeliest_classes(logits, side)
    assert found.shape == (3, side, side) and found.dtype == torch.uint8
    smooth = F.interpolate(logits, (side, side), mode="bilinear", align_corners=False)
    chosen = smooth.gather(1, found[:, None].long())[:, 0]
    # the very class, but for two that are alike to the last bits
    torch.testing.assert_close(chosen, smooth.amax(dim=1), rtol=0, atol=1e-5)


def test_a_batch_of_nothing_has_no_maps():
    assert likeliest_classes(torch.zeros(0, CLASSES, 4, 4), 8).shape == (0, 8, 8)


def test_class_maps_have_the_side_asked_for():
    maps = FaceParser((4, 4, 4, 4)).eval().class_maps(torch.zeros(2, 3, 16, 16), 56)
    assert maps.shape == (2, 56, 56) and maps.max() < CLASSES


def test_folded_norms_change_nothing_but_last_bits():
    torch.manual_seed(0)
    parser = FaceParser((4, 8, 8, 8))
    parser(torch.randn(4, 3, 16, 16))  # statistics of its own
    images = torch.randn(2, 3, 16, 16)
    folded = fold_batch_norms(parser)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    with torch.no_grad():
        torch.testing.assert_close(folded(images), parser.eval()(images))


def test_classes_are_shuffled_to_pixels_as_the_head_orders_them():
    torch.manual_seed(1)
    parser = FaceParser((4, 4, 4, 4)).eval()
    images = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        inner = u_net(images, parser.stem, parser.down, parser.lateral, parser.up)
        expected = F.pixel_shuffle(parser.head(inner), 2)
        torch.testing.assert_close(parser(images), expected)
