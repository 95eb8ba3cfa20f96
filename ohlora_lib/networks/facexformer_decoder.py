"""FaceXFormer's decoder: a token per question, which looks at the picture, is read by a small MLP.

Structure of FaceXFormer (Narayan et al. 2024, arXiv:2403.12960), whose two-way transformer is that
of Segment Anything (Kirillov et al. 2023, arXiv:2304.02643). Parameters are named as published.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ohlora_lib.networks.facexformer_heads import HEADS

WIDTH = 256  # of tokens and of picture features
CLASSES = 11  # of the class map


@dataclass(frozen=True)
class FaceOutput:
    """All that FaceXFormer says of N faces; float tensors.

    Attributes:
        segmentation: logits of the 11 classes [N, 11, 224, 224].
        landmarks: 68 points [N, 68, 2], x and y from -1 to 1 over the picture.
        headpose: pitch, yaw, roll [N, 3] in radians: the published code multiplies them by 180 / pi
            before it prints degrees. It draws yaw > 0 as a nose that points to the right of the
            picture; the sign was not checked with the published weights.
        attributes: logits [N, 40] of `facexformer.ATTRIBUTES`.
        visibility: logits [N, 29], whether a landmark can be seen.
        age: logits of eight age groups [N, 8].
        gender: logits [N, 2].
        race: logits [N, 5].
    """

    segmentation: Tensor
    landmarks: Tensor
    headpose: Tensor
    attributes: Tensor
    visibility: Tensor
    age: Tensor
    gender: Tensor
    race: Tensor


class FaceDecoder(nn.Module):
    """Seven task tokens and a token per class, a two-way transformer, heads."""

    def __init__(self) -> None:
        super().__init__()
        self.transformer = TwoWayTransformer()
        for name, outputs in HEADS.items():
            self.add_module(f"{name}_token", nn.Embedding(1, WIDTH))
            self.add_module(f"{name}_prediction_head", MLP(outputs))
        self.mask_tokens = nn.Embedding(CLASSES, WIDTH)
        fine = WIDTH // 8
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(WIDTH, 2 * fine, 2, stride=2),
            ChannelNorm(2 * fine, eps=1e-6),
            nn.GELU(),
            nn.ConvTranspose2d(2 * fine, fine, 2, stride=2),
            nn.GELU(),
        )
        self.output_hypernetwork_mlps = MLP(fine)

    def forward(self, features: Tensor, places: Tensor) -> FaceOutput:
        """Answer every question.

        Args:
            features: [N, 256, h, w] of the picture.
            places: [256, h, w], the code of each position.
        """
        names = [f"{name}_token" for name in HEADS] + ["mask_tokens"]
        tokens = torch.cat([self.get_submodule(name).weight for name in names])
        tokens = tokens.expand(len(features), -1, -1)
        keys = features.flatten(2).transpose(1, 2)  # [N, h * w, 256]
        answers, keys = self.transformer(tokens, keys, places.flatten(1).T)
        read = [
            self.get_submodule(f"{name}_prediction_head")(answers[:, index])
            for index, name in enumerate(HEADS)
        ]
        fine = self.output_upscaling(keys.transpose(1, 2).reshape(features.shape))
        weights = self.output_hypernetwork_mlps(answers[:, len(HEADS) :])
        maps = torch.einsum("nkc,nchw->nkhw", weights, fine)
        return FaceOutput(maps, read[0].unflatten(1, (68, 2)), *read[1:])


class TwoWayTransformer(nn.Module):
    """Two blocks in which tokens and picture attend to each other, then a last look."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([TwoWayBlock(first=True), TwoWayBlock()])
        self.final_attn_token_to_image = Attention(WIDTH // 2)
        self.norm_final_attn = nn.LayerNorm(WIDTH)

    def forward(self, tokens: Tensor, keys: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """Return tokens [N, T, 256] and picture [N, P, 256] after attention; places [P, 256]."""
        x = tokens
        for layer in self.layers:
            x, keys = layer(x, keys, tokens, places)
        x = x + self.final_attn_token_to_image(x + tokens, keys + places, keys)
        return self.norm_final_attn(x), keys


class TwoWayBlock(nn.Module):
    """Tokens attend to each other, then to the picture; then the picture attends to them.

    Args:
        first: the first block takes the tokens as they are, without adding them to themselves.
    """

    def __init__(self, first: bool = False) -> None:
        super().__init__()
        self.first = first
        self.self_attn = Attention(WIDTH)
        self.norm1 = nn.LayerNorm(WIDTH)
        self.cross_attn_token_to_image = Attention(WIDTH // 2)
        self.norm2 = nn.LayerNorm(WIDTH)
        self.mlp = TokenMLP()
        self.norm3 = nn.LayerNorm(WIDTH)
        self.cross_attn_image_to_token = Attention(WIDTH // 2)
        self.norm4 = nn.LayerNorm(WIDTH)

    def forward(
        self, x: Tensor, keys: Tensor, tokens: Tensor, places: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See `TwoWayTransformer`; x are the tokens so far, `tokens` mark which is which."""
        if self.first:
            x = self.self_attn(x, x, x)
        else:
            x = x + self.self_attn(x + tokens, x + tokens, x)
        x = self.norm1(x)
        x = self.norm2(x + self.cross_attn_token_to_image(x + tokens, keys + places, keys))
        x = self.norm3(x + self.mlp(x))
        keys = self.norm4(keys + self.cross_attn_image_to_token(keys + places, x + tokens, x))
        return x, keys


class Attention(nn.Module):
    """Attention with eight heads.

    Args:
        inner: width of all heads together.
    """

    def __init__(self, inner: int) -> None:
        super().__init__()
        self.q_proj = nn.Linear(WIDTH, inner)
        self.k_proj = nn.Linear(WIDTH, inner)
        self.v_proj = nn.Linear(WIDTH, inner)
        self.out_proj = nn.Linear(inner, WIDTH)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Map queries [N, Q, 256], keys and values [N, K, 256] to [N, Q, 256]."""
        parts = self.q_proj(queries), self.k_proj(keys), self.v_proj(values)
        heads = [part.unflatten(2, (8, -1)).transpose(1, 2) for part in parts]
        return self.out_proj(F.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2))


class TokenMLP(nn.Module):
    """What a block does with each token by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.lin1, self.lin2 = nn.Linear(WIDTH, 2048), nn.Linear(2048, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return self.lin2(F.relu(self.lin1(x)))


class MLP(nn.Module):
    """Three layers that read a token.

    Args:
        outputs: how many numbers they give.
    """

    def __init__(self, outputs: int) -> None:
        super().__init__()
        widths = [WIDTH, WIDTH, outputs]
        self.layers = nn.ModuleList(nn.Linear(WIDTH, width) for width in widths)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers[2](F.relu(self.layers[1](F.relu(self.layers[0](x)))))


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of [N, C, H, W]."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)
