"""TID2013: 3,000 distorted versions of 25 pictures (Ponomarenko et al., 2015)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tfiqa.databases.label_file import numbers, read_fields
from tfiqa.databases.reader import READERS, FolderIndex, FolderReader
from tfiqa.errors import DatabaseLayoutError
from tfiqa.score_scale import ScoreScale

SCORE_FILE = "mos_with_names.txt"
DEVIATION_FILE = "mos_std.txt"
PICTURE_FOLDER = "distorted_images"
REFERENCE_FOLDER = "reference_images"
PICTURE_NAME = r"^[iI](?P<reference>[0-9]{2})_(?P<type>[0-9]{2})_(?P<level>[1-5])\.(?:bmp|BMP)$"
REFERENCES = 25
# The 24 types, in the order of their numbers 1, 2, ... (table 1 of the release's readme and of the paper).
DISTORTIONS = (
    "additive_gaussian_noise",
    "additive_noise_in_color_components",
    "spatially_correlated_noise",
    "masked_noise",
    "high_frequency_noise",
    "impulse_noise",
    "quantization_noise",
    "gaussian_blur",
    "image_denoising",
    "jpeg",
    "jpeg2000",
    "jpeg_transmission_errors",
    "jpeg2000_transmission_errors",
    "non_eccentricity_pattern_noise",
    "local_block_wise_distortions",
    "mean_shift",
    "contrast_change",
    "change_of_color_saturation",
    "multiplicative_gaussian_noise",
    "comfort_noise",
    "lossy_compression_of_noisy_images",
    "color_quantization_with_dither",
    "chromatic_aberrations",
    "sparse_sampling_and_reconstruction",
)


@READERS.register("tid2013")
class TID2013(FolderReader):
    """The official layout: `mos_with_names.txt`, `mos_std.txt`, `distorted_images` and `reference_images`.

    `score_std` is the standard deviation of the *mean*, not of the opinions: opinions are whole numbers (comparisons
    won, out of nine), whose standard deviation cannot be as small as 2,894 of the 3,000 values are. `level` is that of the
    file's name, 1 to 5. The higher, the worse, but for two types, by their mean MOS: local_block_wise_distortions
    becomes better from 1 (3.28) to 5 (4.07), and contrast_change goes to and fro (5.63, 6.48, 4.48, 6.29, 3.45).
    `group` is the reference. 24 of the 25 are Kodak photographs, many of which LIVE shows, too.
    """

    name = "tid2013"
    citation = (
        "N. Ponomarenko, L. Jin, O. Ieremeiev, V. Lukin, K. Egiazarian, J. Astola, B. Vozel, K. Chehdi, M. Carli, "
        "F. Battisti, C.-C. J. Kuo, Image database TID2013: peculiarities, results and perspectives, Signal Processing: "
        "Image Communication 30, 57-77, 2015"
    )
    home_page = "https://www.ponomarenko.info/tid2013.htm"
    licence = "education and research without fee; see the release's readme"
    pictures = 3_000
    scale = ScoreScale(0.0, 9.0, True, "TID2013 MOS")
    has_references = True

    def labels(self, folder: FolderIndex) -> pd.DataFrame:
        path, deviation_path = folder.require(SCORE_FILE), folder.require(DEVIATION_FILE)
        scores = _columns(path, ("MOS", "picture"))
        deviations = _columns(deviation_path, ("standard deviation",))
        if len(scores) != len(deviations):
            raise DatabaseLayoutError(f"{path} has {len(scores)} lines, but {deviation_path} has {len(deviations)}")
        names = scores["picture"]
        parts = names.str.extract(PICTURE_NAME)
        types, references = pd.to_numeric(parts["type"]), pd.to_numeric(parts["reference"])
        strange = ~(types.between(1, len(DISTORTIONS)) & references.between(1, REFERENCES))
        if strange.any():
            raise DatabaseLayoutError(f"{path} names {names[strange].iloc[0]!r}, which is no picture of TID2013")
        group = "I" + parts["reference"]
        return pd.DataFrame(
            {
                "image": PICTURE_FOLDER + "/" + names,
                "score": numbers(scores["MOS"], names, path),
                "score_std": numbers(deviations["standard deviation"], names, deviation_path),
                "reference": REFERENCE_FOLDER + "/" + group + ".BMP",
                "distortion": [DISTORTIONS[number - 1] for number in types.astype(int)],
                "level": parts["level"].astype(int),
                "group": group,
            }
        )


def _columns(path: Path, names: tuple[str, ...]) -> pd.DataFrame:
    """The fields of a file that has one line a picture and no header."""
    lines = read_fields(path)
    strange = [line for line in lines if len(line) != len(names)]
    if strange or not lines:
        found = repr(" ".join(strange[0])[:60]) if strange else "nothing"
        raise DatabaseLayoutError(f"{path}: looked for lines of {' and '.join(names)}; found {found}")
    return pd.DataFrame(lines, columns=list(names))
