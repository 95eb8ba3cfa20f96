"""Where a picture shows a person: MediaPipe's selfie segmentation, run by its own runtime."""

import cv2
import numpy as np

from ohlora_lib.errors import InputError
from ohlora_lib.pretraining.faces.packages import Member

MODEL = Member(
    "mediapipe",
    "mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite",
    "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
)
SIDE = 256  # px, of what the network sees


class PersonMask:
    """Predicts the silhouettes of people.

    Args:
        model: contents of `MODEL`.

    Raises:
        InputError: `ai-edge-litert` is missing.
    """

    def __init__(self, model: bytes) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise InputError(
                "silhouettes are found with ai-edge-litert, which is missing; run make pretrain, "
                "which installs it"
            ) from error
        self.interpreter = Interpreter(model_content=model, num_threads=1)
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]["index"]
        self.output = self.interpreter.get_output_details()[0]["index"]

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """Return float32 [256, 256], 0 background to 1 person, of uint8 RGB [H, W, 3]."""
        large = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        self.interpreter.set_tensor(self.input, large[None].astype(np.float32) / 255)
        self.interpreter.invoke()
        return self.interpreter.get_tensor(self.output)[0, :, :, 0].copy()
