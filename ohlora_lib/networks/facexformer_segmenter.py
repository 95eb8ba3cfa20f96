"""The segmenter of real faces: MTCNN finds the largest face, FaceXFormer parses its cut."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ohlora_lib.errors import InputError
from ohlora_lib.networks.face_detection import FaceDetector
from ohlora_lib.networks.facexformer import FaceXFormer
from ohlora_lib.networks.facexformer_decoder import FaceOutput
from ohlora_lib.networks.facexformer_heads import WIDTHS
from ohlora_lib.networks.files import load_network
from ohlora_lib.networks.mtcnn import MTCNN
from ohlora_lib.networks.segmentation import Segmentation
from ohlora_lib.store.face_cuts import face_cut
from ohlora_lib.store.layout import MAP_SIDE
from ohlora_lib.store.picture_tensors import full_batches, to_unit

MARGIN = 0.25  # of the box's width or height, on each side
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pixels in [0, 1]


@dataclass(frozen=True)
class FaceReading:
    """What FaceXFormer says of N pictures besides the class map; NaN where there is no face.

    Attributes:
        angles: float32 [N, 3], degrees, in the order of ANGLES; for the sign of yaw see
            `facexformer_decoder.FaceOutput`.
        attributes: float32 [N, 40], probabilities in the order of ATTRIBUTES.
        age: float32 [N, 8], probabilities of eight age groups.
        gender: float32 [N, 2], probabilities of two classes. Which group or class is which was not
            published with the network's code.
    """

    angles: np.ndarray
    attributes: np.ndarray
    age: np.ndarray
    gender: np.ndarray


class FaceXFormerSegmenter:
    """The reference's segmenter: the cut is the largest box, grown by half its size.

    Where no face is found, the class map is all background and the cut the whole picture.

    Args:
        network: the trained network.
        detector: finds the faces.
        batch_size: faces parsed at once, the last batch padded, so that a face's map does not
            depend on how many others are parsed with it. None: 8, which takes 2 GB on a CPU.
        device: torch device name.
    """

    def __init__(
        self,
        network: FaceXFormer,
        detector: FaceDetector,
        batch_size: int | None = None,
        device: str = "cpu",
    ) -> None:
        self.network = network.eval().to(device)
        self.detector = detector
        self.batch_size = batch_size or 8
        self.device = device
        self.mean, self.std = (
            torch.tensor(values, device=device).view(3, 1, 1) for values in (MEAN, STD)
        )

    def segment(self, images: np.ndarray) -> Segmentation:
        """See `segmentation.Segmenter`; images uint8 [N, H, W, 3]."""
        cuts, found = self.locate(images)
        maps = np.zeros((len(images), MAP_SIDE, MAP_SIDE), np.uint8)
        for places, output in self._outputs(images, cuts, found):
            classes = output.segmentation[: len(places)].argmax(dim=1)
            maps[places] = classes.byte().cpu().numpy()
        return Segmentation(maps, cuts, found)

    def read(self, images: np.ndarray) -> FaceReading:
        """Read head pose, attributes, age and gender of uint8 RGB pictures [N, H, W, 3]."""
        cuts, found = self.locate(images)
        seen = {
            name: np.full((len(images), width), np.nan, np.float32)
            for name, width in WIDTHS.items()
        }
        for places, output in self._outputs(images, cuts, found):
            said = {
                "angles": output.headpose.rad2deg(),
                "attributes": output.attributes.sigmoid(),
                "age": output.age.softmax(dim=1),
                "gender": output.gender.softmax(dim=1),
            }
            for name, values in said.items():
                seen[name][places] = values[: len(places)].cpu().numpy()
        return FaceReading(**seen)

    def locate(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return face cuts, float32 [N, 4] of whole px, and whether there is a face, bool [N]."""
        count, height, width, _ = images.shape
        whole = np.array([0, 0, width, height], np.float32)
        cuts, found = np.tile(whole, (count, 1)), np.zeros(count, bool)
        for index, faces in enumerate(self.detector.detect(images)):
            if not len(faces.boxes):
                continue
            box = faces.boxes[0]
            margin = np.tile((box[2:] - box[:2]) * MARGIN, 2) * (-1, -1, 1, 1)
            cut = np.trunc(np.clip(box + margin, 0, np.tile(whole[2:], 2)))
            if (cut[2:] > cut[:2]).all():  # else the box lies beside the picture
                cuts[index], found[index] = cut, True
        return cuts, found

    @torch.inference_mode()
    def _outputs(
        self, images: np.ndarray, cuts: np.ndarray, found: np.ndarray
    ) -> Iterator[tuple[np.ndarray, FaceOutput]]:
        """Yield places of found faces and what the network says of them, and of padding."""
        places = np.flatnonzero(found)
        faces = face_cut(images[places], cuts[places])
        for rows, batch in full_batches(faces, self.batch_size):
            pixels = (to_unit(batch, self.device) - self.mean) / self.std
            yield places[rows], self.network(pixels)


def load(
    weights: str | Path,
    detector: str | Path | None = None,
    batch_size: int | None = None,
    device: str = "cpu",
) -> FaceXFormerSegmenter:
    """Build the segmenter from the checkpoints of FaceXFormer and MTCNN.

    Raises:
        InputError: there is no detector, or a file holds another network.
    """
    network = load_network(weights, FaceXFormer.kind)
    if detector is None:
        raise InputError(
            "domain.segmenter.detector is null, but facexformer parses faces that a detector has "
            "found; set it to resources/mtcnn/mtcnn.safetensors"
        )
    finder = FaceDetector(load_network(detector, MTCNN.kind), device=device)
    return FaceXFormerSegmenter(network, finder, batch_size, device)
