import shutil

import pandas as pd

from tfiqa.training.recipe_files import read_recipe
from tfiqa.training.training_data import load_training_data


def test_copies_of_a_file_in_several_splits_are_counted(photo_folder, tmp_path):
    for place in range(3):
        shutil.copy(photo_folder / f"photo {2 * place}.png", tmp_path / f"{place}.png")
        shutil.copy(photo_folder / f"photo {2 * place}.png", tmp_path / f"copy {place}.png")
    images = [f"{copy}{place}.png" for copy in ("", "copy ") for place in range(3)]
    splits = ["train", "train", "train", "train", "test", "validation"]
    pd.DataFrame({"image": images, "score": range(6), "split": splits}).to_csv(tmp_path / "m.csv", index=False)
    data = load_training_data(read_recipe("quickstart", ["data.crop=64"]), [tmp_path / "m.csv"])
    assert data.copies_across_splits() == 2
