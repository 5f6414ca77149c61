"""The whole way in a few minutes on two cores: make pictures, score, fit, evaluate, export, serve, score.

Photographs that come with scikit-image, and worse versions of them, are scored with the model that comes with tfiqa. Then one is
trained: its pictures are such photographs, distorted here in four ways and labelled with SSIM against the original crop, so that
nothing needs to be downloaded. The held-out figure is on photographs of which the network saw no version.

    python tools/quickstart.py [--folder runs/quickstart] [--set key=value ...]
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageFilter

# Well-filled pictures among those that scikit-image ships: on large flat areas SSIM hardly tells blur from no blur.
PHOTOGRAPHS = (
    "astronaut brick camera chelsea coffee coins grass gravel hubble_deep_field ihc motorcycle_left page text"
).split()
SIDE = 160  # pixels; large enough for SSIM's window to matter, small enough for two cores
CROPS = 12  # of each photograph
VERSIONS = 4  # of each crop, drawn: many contents teach more than every version of a few
STRENGTHS = {  # from slight to strong
    "blur": (1.0, 2.0, 4.0),  # radius in pixels
    "jpeg": (40, 15, 5),  # quality
    "noise": (8, 20, 45),  # standard deviation in grey levels
    "pixelate": (2, 4, 8),  # pixels merged per side
}
SCORED = ("astronaut", "chelsea", "coffee")
WORSE = (("blur", 4.0), ("jpeg", 5))
START_SECONDS = 120  # loading TensorFlow and the model takes a while on a busy machine
TFIQA = Path(sys.executable).parent / "tfiqa"


def distort(picture: Image.Image, kind: str, strength: float, rng: np.random.Generator) -> Image.Image:
    """One distorted version of an RGB picture."""
    if kind == "blur":
        return picture.filter(ImageFilter.GaussianBlur(strength))
    if kind == "jpeg":
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=int(strength))
        return Image.open(stream).convert("RGB")
    if kind == "noise":
        noisy = np.asarray(picture, float) + rng.normal(0, strength, (*picture.size[::-1], 3))
        return Image.fromarray(np.clip(np.round(noisy), 0, 255).astype(np.uint8))
    small = picture.resize([max(1, round(side / strength)) for side in picture.size], Image.Resampling.BOX)
    return small.resize(picture.size, Image.Resampling.NEAREST)


def photograph(name: str) -> Image.Image:
    """One of scikit-image's, RGB."""
    import skimage

    path = next((Path(skimage.__file__).parent / "data").glob(f"{name}.*"))
    return Image.open(path).convert("RGB")


def crops(rng: np.random.Generator) -> Iterator[tuple[str, Image.Image]]:
    """Crops of scikit-image's photographs, halved first where they are large, with the photograph's name."""
    for name in PHOTOGRAPHS:
        picture = photograph(name)
        while min(picture.size) >= 4 * SIDE:
            picture = picture.reduce(2)
        if min(picture.size) < SIDE:
            picture = picture.resize([max(SIDE, side * SIDE // min(picture.size)) for side in picture.size])
        for _ in range(CROPS):
            left, top = (int(rng.integers(0, side - SIDE + 1)) for side in picture.size)
            yield name, picture.crop((left, top, left + SIDE, top + SIDE))


def make_pictures(folder: Path) -> Path:
    """Writes the pictures and their manifest; returns the manifest."""
    import tensorflow as tf

    rng = np.random.default_rng(1)
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    rows = []
    for number, (name, original) in enumerate(crops(rng)):
        versions = [("original", 0.0, original)]
        versions += [(kind, s, distort(original, kind, s, rng)) for kind, levels in STRENGTHS.items() for s in levels]
        reference = np.asarray(original)
        for chosen in rng.choice(len(versions), VERSIONS, replace=False):
            kind, strength, version = versions[chosen]
            file = f"{name}_{number:03d}_{kind}_{strength:g}.png"
            version.save(pictures / file)
            ssim = float(tf.image.ssim(reference, np.asarray(version), max_val=255))
            rows.append({"image": f"pictures/{file}", "score": round(ssim, 6), "group": name, "distortion": kind})
    table = pd.DataFrame(rows).assign(scale_low=-1, scale_high=1, scale_direction="higher", scale_unit="SSIM")
    table.to_csv(folder / "photos.csv", index=False)
    return folder / "photos.csv"


def run(*arguments: str | Path) -> None:
    """Shows and runs a command; the program ends with its status when it fails."""
    command = [str(TFIQA), *map(str, arguments)]
    print(f"\n$ tfiqa {shlex.join(command[1:])}", flush=True)
    status = subprocess.run(command, check=False).returncode
    if status:
        sys.exit(status)


def score_with_own_model(folder: Path) -> bool:
    """Scores photographs and worse versions of them with the model that comes with tfiqa; false where it is not there."""
    from tfiqa.errors import InvalidInput
    from tfiqa.serving.shipped_model import shipped_model

    try:
        shipped_model()
    except InvalidInput as error:
        print(f"{error}", flush=True)
        return False
    photographs, scores = folder / "photographs", folder / "photographs.csv"
    photographs.mkdir()
    for name in SCORED:
        original = photograph(name)
        original.save(photographs / f"{name}.png")
        for kind, strength in WORSE:
            distort(original, kind, strength, np.random.default_rng(1)).save(photographs / f"{name}_{kind}.png")
    run("score", photographs, "--output", scores)
    table = pd.read_csv(scores).drop(columns="error")
    table["path"] = [Path(path).name for path in table["path"]]
    print(f"\n{table.round(1).to_string(index=False)}", flush=True)
    return True


def serve_and_ask(models: Path, pictures: list[Path]) -> pd.DataFrame:
    """Starts `tfiqa serve`, asks it for a few scores over REST, and stops it."""
    from tfiqa.serving.client import PredictClient
    from tfiqa.serving.errors import PredictionError

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    print(f"\n$ tfiqa serve {models} --rest-port {port} --grpc-port 0 &", flush=True)
    server = subprocess.Popen([str(TFIQA), "serve", str(models), "--rest-port", str(port), "--grpc-port", "0"])
    try:
        client = PredictClient(f"http://127.0.0.1:{port}", "quickstart", retries=0)
        for _ in range(START_SECONDS):
            if server.poll() is not None:
                sys.exit("error: the server ended")
            try:
                answers = client.score_files(pictures)
                break
            except PredictionError:  # not listening yet
                time.sleep(1)
        else:
            sys.exit("error: the server did not start")
        return pd.DataFrame({"picture": [p.name for p in pictures], "served quality": [a["quality"] for a in answers]})
    finally:
        server.terminate()
        server.wait(timeout=30)


def main() -> None:
    """Runs everything and prints a closing table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("runs/quickstart"), help="emptied first")
    parser.add_argument("--set", action="append", default=[], help="recipe settings, as of `tfiqa fit`")
    arguments = parser.parse_args()
    started = time.perf_counter()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    folder: Path = arguments.folder
    if folder.exists() and any(folder.iterdir()) and not (folder / "photos.csv").exists():
        sys.exit(f"error: {folder} is not empty and was not made by this program; choose another --folder")
    shutil.rmtree(folder, ignore_errors=True)
    manifest = make_pictures(folder)
    print(f"{len(pd.read_csv(manifest))} pictures of {len(PHOTOGRAPHS)} photographs: {manifest}", flush=True)
    has_own = score_with_own_model(folder)
    run_folder, models = folder / "run", folder / "saved_models"
    run(
        "fit",
        "quickstart",
        "--data",
        manifest,
        "--output",
        run_folder,
        *(x for s in arguments.set for x in ("--set", s)),
    )
    run("evaluate", run_folder, "--data", run_folder / "manifest.csv", "--output", folder / "report.json")
    run("export", run_folder, "--output", models / "quickstart")
    used = pd.read_csv(run_folder / "manifest.csv")
    test = used[used["split"] == "test"].sort_values("score")
    shown = [run_folder / image for image in test["image"].iloc[[0, len(test) // 2, -1]]]
    run("score", *shown, "--model", models / "quickstart", "--output", folder / "scores.csv")
    served = serve_and_ask(models, shown)

    scores = pd.read_csv(folder / "scores.csv")
    answers = served.assign(
        **{
            "scored quality": scores["quality"].to_numpy(),
            "SSIM": test["score"].iloc[[0, len(test) // 2, -1]].to_numpy(),
        }
    )
    own = "tfiqa score YOUR_PHOTOS                              # with the model that comes with tfiqa\n" + " " * 18
    report = json.loads((folder / "report.json").read_text())
    print(f"\n{answers.round(4).to_string(index=False)}")
    print(f"""
held-out SRCC     {report["srcc"]:.3f} on {len(test)} pictures of {test["group"].nunique()} photographs that training never saw
run folder        {run_folder}  (recipe, log, checkpoints, predictions, model.keras)
exported model    {models / "quickstart"}
time              {time.perf_counter() - started:.0f} s
try next          {own if has_own else ""}tfiqa score YOUR_PHOTOS --model {models / "quickstart"}
                  tfiqa data prepare csv YOUR_SCORES.csv --output photos.csv
                  tfiqa fit spaq_bl --data photos.csv --output runs/mine --set model.weights=null""")


if __name__ == "__main__":
    main()
