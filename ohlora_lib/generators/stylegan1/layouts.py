"""Layouts of StyleGAN's weights, as GenForce and the fine-tunes made from them publish them."""

from ohlora_lib.generators.layouts import Config, Layout, Shapes, count_keys


def _generator(shapes: Shapes, given: Config) -> Config:
    dense = count_keys(shapes, r"mapping\.dense(\d+)\.weight")
    blocks = count_keys(shapes, r"synthesis\.output(\d+)\.weight")
    resolution = 2 ** (blocks + 1)
    in_dim = shapes["mapping.dense0.weight"][1]
    label_dim, embed_dim = given.get("label_dim", 0), given.get("label_embed_dim", 0)
    if "mapping.label_weight" in shapes:
        label_dim, embed_dim = shapes["mapping.label_weight"]
    return {
        "resolution": resolution,
        "z_dim": in_dim - (embed_dim or label_dim),
        "w_dim": shapes[f"mapping.dense{dense - 1}.weight"][0],
        "hidden_dim": shapes["mapping.dense0.weight"][0],
        "mapping_layers": dense,
        "fmaps_base": resolution * shapes[f"synthesis.output{blocks - 1}.weight"][1],
        "fmaps_max": shapes["synthesis.layer0.const"][1],
        "label_dim": label_dim,
        "label_embed_dim": embed_dim,
    }


def _discriminator(shapes: Shapes, given: Config) -> Config:
    blocks = count_keys(shapes, r"input(\d+)\.weight")
    resolution, last = 2 ** (blocks + 1), 2 * blocks
    channels = shapes[f"layer{last - 1}.weight"][0]
    outputs, inputs = shapes[f"layer{last}.weight"]
    joined = inputs - channels  # labels before the last layer
    return {
        "resolution": resolution,
        "fmaps_base": resolution * shapes["input0.weight"][0],
        "fmaps_max": channels,
        "label_dim": joined or (outputs if outputs > 1 else 0),
        "label_mode": "concat" if joined else "product",
    }


LAYOUTS = {
    "stylegan_generator": Layout("stylegan_generator", _generator, mark="synthesis.layer0.const"),
    "stylegan_discriminator": Layout(
        "stylegan_discriminator", _discriminator, mark="input0.weight"
    ),
}
