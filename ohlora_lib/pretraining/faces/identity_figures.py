"""Does the identity embedding tell faces of 64 px apart? The figures of its model card.

    python -m ohlora_lib.pretraining.faces.identity_figures

draws faces of faces64 and spoils each twice without changing the person; then it moves every latent
in the direction that opens the mouth, and as far in random directions. It takes a minute or two.
The annotator's features, which measure drift where there is no such embedding, stand beside it.
"""

import io
import json
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from sklearn.metrics import roc_auc_score

from ohlora_lib.generators.synthesis import Synthesizer
from ohlora_lib.judging.identity_reader import load_identity
from ohlora_lib.judging.picture_attributes import load_reader
from ohlora_lib.networks.face_mesh_crop import FACES64_BOX, find_landmarks
from ohlora_lib.networks.files import load_generator
from ohlora_lib.pretraining.faces.labels_by_eye import GENERATOR, PSI
from ohlora_lib.scores.mouth import v3 as mouth_score
from ohlora_lib.seeds import rng
from ohlora_lib.store.picture_tensors import to_float

IDENTITY, FACE_MESH, ANNOTATOR = (
    f"resources/{name}.safetensors"
    for name in ("identity/identity", "face_mesh/face_mesh", "faces64/annotator")
)
FACES, STUDIED = 300, 1500  # to compare; for the direction of the mouth
SEED = 5
SHIFT, QUALITY, BRIGHTNESS = 2, 80, 0.1  # px at most; of the JPEG; share at most
STEP = 2.0  # length of a step, where latents have the length 10
RIDGE = 30.0


def spoiled(image: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Shift a picture [H, W, 3], change its brightness, compress it."""
    height, width = image.shape[:2]
    down, right = SHIFT + draw.integers(-SHIFT, SHIFT + 1, 2)
    frame = np.pad(image, ((SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)), "edge")
    shifted = frame[down : down + height, right : right + width].astype(np.float32)
    levels = shifted * (1 + draw.uniform(-BRIGHTNESS, BRIGHTNESS))
    file = io.BytesIO()
    Image.fromarray(levels.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=QUALITY)
    return np.array(Image.open(file))


def compare(first: np.ndarray, second: np.ndarray, centre: np.ndarray | None = None) -> dict:
    """Compare embeddings [N, D] of the same N faces, all with all, by cosines.

    Returns:
        `same`, `different`: mean cosines; `auc`: how often the same face is the more alike one.
    """
    first, second = (_unit(part if centre is None else part - centre) for part in (first, second))
    cosines, same = first @ second.T, np.eye(len(first), dtype=bool)
    return {
        "same": float(cosines[same].mean()),
        "different": float(cosines[~same].mean()),
        "auc": float(roc_auc_score(same.ravel(), cosines.ravel())),
    }


def figures() -> dict:
    """Measure everything with the shipped networks; cosines are means over faces."""
    generator = load_generator(GENERATOR)
    synthesizer = Synthesizer(generator)
    identity = load_identity(IDENTITY, FACE_MESH, FACES64_BOX[:3])
    annotator = load_reader(ANNOTATOR)

    def drawn(z: np.ndarray) -> np.ndarray:
        return synthesizer.from_w(synthesizer.map(z.astype(np.float32)) * np.float32(PSI))

    draw = rng(SEED, "identity")
    z = draw.standard_normal((FACES, generator.z_dim))
    z *= np.sqrt(generator.z_dim) / np.linalg.norm(z, axis=1, keepdims=True)
    images = drawn(z)
    twice = [np.stack([spoiled(image, draw) for image in images]) for _ in range(2)]
    mouth = STEP * _mouth_direction(drawn, identity.mesh, generator.z_dim, draw)
    aside = STEP * _unit(draw.standard_normal(z.shape))
    moved = {"mouth open": drawn(z + mouth), "mouth shut": drawn(z - mouth)}
    moved["random step"] = drawn(z + aside)

    found = {}
    for name, embed in (
        ("identity", identity.read),
        ("annotator", lambda pictures: annotator.read(pictures)[1]),
    ):
        plain, first, second, *others = (embed(part) for part in (images, *twice, *moved.values()))
        known = np.isfinite(sum(part.sum(1) for part in (plain, first, second, *others)))
        plain, first, second, *others = (part[known] for part in (plain, first, second, *others))
        centre = plain.mean(axis=0)
        found[name] = {
            "faces": int(known.sum()),
            "as it is": compare(first, second),
            "less the mean": compare(first, second, centre),
        }
        for other, embedded in zip(moved, others, strict=True):
            cosines = (_unit(plain - centre) * _unit(embedded - centre)).sum(axis=1)
            found[name][other] = float(cosines.mean())
    return found


def _mouth_direction(
    drawn: Callable[[np.ndarray], np.ndarray],
    mesh: torch.nn.Module,
    z_dim: int,
    draw: np.random.Generator,
) -> np.ndarray:
    """Return the direction [z_dim] in which the mouth opens most, by ridge regression."""
    z = draw.standard_normal((STUDIED, z_dim))
    with torch.inference_mode():
        parts = [
            find_landmarks(mesh, to_float(images), FACES64_BOX)
            for images in np.array_split(drawn(z), STUDIED // 50)
        ]
    there = (torch.cat([part.score_logit for part in parts]) > 0).numpy()
    scores = mouth_score(torch.cat([part.points for part in parts]).numpy()[there])
    z = z[there] - z[there].mean(axis=0)
    return _unit(np.linalg.solve(z.T @ z + RIDGE * np.eye(z_dim), z.T @ (scores - scores.mean())))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(figures(), indent=2))
