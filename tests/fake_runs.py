"""Run folders as `tfiqa fit` leaves them, without the training."""

import json

import numpy as np
import pandas as pd

from tfiqa.databases.manifest import Manifest, write_manifest
from tfiqa.databases.validation import ATTRIBUTES
from tfiqa.models.spaq import SCALE
from tfiqa.training.recipe_files import read_recipe, recipe_text

PICTURES = 30


def fake_run(folder, recipe="spaq_bl", settings=(), *, seed=1, srcc=0.9, plcc=0.8, accuracy=None, database="spaq"):
    """A finished run; its ten test pictures have the attributes in the order of their scores, sharpness the other way."""
    folder.mkdir(parents=True)
    resolved = read_recipe(recipe, [f"split.seed={seed}", *settings])
    (folder / "recipe.yaml").write_text(recipe_text(resolved))
    score = np.linspace(10, 90, PICTURES)
    table = pd.DataFrame({"image": [f"{row}.jpg" for row in range(PICTURES)], "score": score, "database": database})
    split = np.roll(["train"] * 20 + ["test"] * 10, seed)
    write_manifest(Manifest(table.assign(split=split), None, SCALE), folder / "manifest.csv")
    counts = {"train": 20, "validation": 0, "test": 10}
    data = {"manifests": ["/data/spaq.csv"], "pictures": counts, "fingerprint": f"split {seed}"}
    (folder / "data.json").write_text(json.dumps(data))
    report = {"srcc": srcc, "plcc": plcc, "plcc_logistic4": plcc + 0.01}
    if accuracy is not None:
        report["scene_accuracy"] = accuracy
    metrics = {"chosen_epoch": 30, "chosen_by": "being the last epoch", "reports": {"test": report}}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    held_out = table[split == "test"][["image", "score"]].assign(quality=50.0)
    for name in ATTRIBUTES:
        held_out[name] = -held_out["score"] if name == "sharpness" else held_out["score"]
    held_out.to_csv(folder / "predictions_test.csv", index=False)
    return folder
