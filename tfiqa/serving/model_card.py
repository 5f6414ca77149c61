"""`MODEL_CARD.md`: what an exported model is, for the people who use it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfiqa.files import read_json
from tfiqa.images.decode import DEFAULT_MAX_PIXELS
from tfiqa.images.scaled_decoding import REDUCTIONS, SPARE
from tfiqa.models.model_info import model_spec
from tfiqa.score_scale import WORDS, ScoreScale
from tfiqa.serving.each_picture_graph import size_limits
from tfiqa.serving.signatures import input_specs

if TYPE_CHECKING:
    from tfiqa.images.protocol import PictureProtocol
    from tfiqa.images.resize import ResizePolicy
    from tfiqa.models.model_info import ModelInfo

MODEL_CARD = Path("assets.extra") / "MODEL_CARD.md"
VERSIONS = ("tfiqa", "keras", "tensorflow")
FIGURES = {"srcc": "SRCC", "krcc": "KRCC", "plcc": "PLCC", "rmse": "RMSE", "scene_accuracy": "scene accuracy"}


def model_card(info: ModelInfo, signatures: Mapping[str, Any], name: str, number: int, run: Path | None = None) -> str:
    """The card in Markdown.

    Args:
        info: of the model.
        signatures: its concrete functions by name.
        name: what it is served as.
        number: its version.
        run: the folder of the run that trained it, if it comes from one.

    Raises InvalidInput when a file of the run cannot be read.
    """
    assert info.scale is not None  # nothing else is exported
    chosen = ", ".join(f"{key}={value}" for key, value in info.options.items()) or "none"
    sections = [
        f"# {name}, version {number}",
        f"A no-reference image quality model, `{info.model}` of tfiqa: it scores photographs without an original beside them.\n"
        f"\n* Paper: {model_spec(info.model).paper}\n* Options: {chosen}",
        "## The score",
        _scale_words(info.scale),
        "## Inputs and outputs",
        _signature_table(info, signatures),
        "## How pictures are prepared",
        _preparation(info),
        "## Pictures that cannot be scored",
        "One such picture fails no other of its request. All its numbers are NaN, and the output `error` says why, in words\n"
        "that follow its name, such as `is damaged or truncated`; of a picture with scores it is empty.",
        "## Training",
        _training(run),
        "## Held-out figures",
        _figures(run),
        "## Limits",
        _limits(info),
        "## Versions",
        "\n".join(f"* {package} {metadata.version(package)}" for package in VERSIONS),
    ]
    return "\n\n".join(sections) + "\n"


def _scale_words(scale: ScoreScale) -> str:
    better = "Higher is better." if scale.higher_is_better else "Lower is better."
    if scale.low is None and scale.high is None:
        bounds = "It has no bounds: only differences and order mean something."
    else:
        low, high = ("unbounded" if bound is None else f"{bound:g}" for bound in (scale.low, scale.high))
        bounds = f"It goes from {low} to {high}; a network may pass these bounds a little."
    words = f" `rating` is its fifth of the scale: {', '.join(WORDS)}." if scale.words else ""
    return f"`quality` is on the scale {scale.unit}. {better} {bounds}{words}"


def _signature_table(info: ModelInfo, signatures: Mapping[str, Any]) -> str:
    lines = ["| signature | | name | type | shape | meaning |", "| --- | --- | --- | --- | --- | --- |"]
    for name, function in signatures.items():
        for role, specs in (("in", input_specs(function)), ("out", function.structured_outputs)):
            for key, spec in specs.items():
                shape = ", ".join(
                    "N" if axis == 0 else str(side or "?") for axis, side in enumerate(spec.shape.as_list())
                )
                row = (f"`{name}`", role, f"`{key}`", spec.dtype.name, f"({shape})", _meaning(info, name, key))
                lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def _meaning(info: ModelInfo, signature: str, key: str) -> str:
    known = {
        "image_bytes": "encoded pictures, of mixed sizes",
        "image": "RGB 0 to 255, already prepared",
        "boxes": "left, top, right, bottom in pixels of the picture as it is shown",
        "exif": "as `tfiqa data exif` prints it, NaN where missing"
        if signature == "serving_default"
        else "normalised, 0 where missing",
        "box_quality": "quality of the boxes, same scale",
        "map": "quality of the blocks of a grid, same scale, rows from the top",
        "error": "why there are no scores; empty where there are",
        "request": "anything",
        "card": "this model's protocol, scale and columns as JSON",
    }
    if key in known:
        return known[key]
    if key == "quality" and info.scale is not None:
        return str(info.scale)
    columns = info.columns.get(key, ())
    return ", ".join(columns) if columns != (key,) else ""


def _preparation(info: ModelInfo) -> str:
    protocol = info.protocol
    steps = [
        "JPEG, PNG, GIF, BMP and still WebP are decoded in the graph to 8-bit RGB, the first picture of a file; EXIF orientation "
        "is applied, transparency laid over white, colour profiles are ignored.",
        *([_scaled_decoding(protocol.scaled_for)] if protocol.scaled_for else []),
        _resizing(protocol),
        _patches(protocol),
    ]
    return "\n".join(f"* {step}" for step in steps)


def _scaled_decoding(policy: ResizePolicy) -> str:
    return (
        f"`serving_default` decodes JPEGs whose sides have {SPARE * min(REDUCTIONS) * policy.size} pixels or more at a half, "
        f"quarter or eighth of their size, the smallest that leaves {SPARE} times the size that follows."
    )


def _resizing(protocol: PictureProtocol) -> str:
    policy = protocol.policy
    return {
        "native": "Pictures keep their size.",
        "shorter_side": f"The shorter side is brought to {policy.size} pixels where both sides have at least that many "
        "(bilinear, antialiased); smaller pictures keep their size.",
        "stretch": f"Pictures are brought to {policy.size} x {policy.size} pixels, whatever their ratio (bilinear, antialiased).",
        "pad": f"Pictures are centred in a square of {policy.size} pixels a side, without scaling.",
    }[policy.kind]


def _patches(protocol: PictureProtocol) -> str:
    if protocol.patch_size is None:
        return "The network sees the whole picture."
    margin = protocol.patch_margin
    return (
        f"The network sees patches of {protocol.patch_size} x {protocol.patch_size} pixels, every {protocol.patch_stride} pixels"
        + (f", with {margin} pixels of their surroundings on each side" if margin else "")
        + "; the outputs are means over the patches."
    )


def _limits(info: ModelInfo) -> str:
    least, most = size_limits(info)
    sides = f"from {least} pixels" + ("" if most is None else f" to {most}")
    lines = [
        f"Sides {sides}; at most {DEFAULT_MAX_PIXELS:,} pixels in all.",
        "TIFF, CMYK and arithmetic-coded JPEG, animated WebP and rare kinds of the other formats have to be converted before; "
        "tfiqa's client does that.",
        "The figures hold for pictures like those of the data that they were measured on.",
    ]
    return "\n".join(f"* {line}" for line in lines)


def _training(run: Path | None) -> str:
    data = _read_json(run, "data.json")
    if not data:
        return "Not recorded: the model was exported from a file, or its run says nothing of its data."
    lines = []
    if sources := data.get("manifests"):
        lines.append(f"Data: {', '.join(f'`{Path(str(source)).name}`' for source in sources)}")
    lines += [f"Data: {source}" for source in data.get("sources", ())]
    if "score_scale" in data:
        lines.append(f"Scores: {ScoreScale.from_dict(data['score_scale'])}")
    if counts := data.get("pictures"):
        lines.append(f"Pictures: {', '.join(f'{count:,} {split}' for split, count in counts.items())}")
    if "fingerprint" in data:
        lines.append(f"Fingerprint of the data: `{data['fingerprint']}`")
    metrics = _read_json(run, "metrics.json")
    if "chosen_epoch" in metrics:
        lines.append(f"Epoch {metrics['chosen_epoch']}, chosen by {metrics.get('chosen_by', 'an unknown rule')}")
    return "\n".join(f"* {line}" for line in lines) + _recipe(run)


def _recipe(run: Path | None) -> str:
    path = None if run is None else run / "recipe.yaml"
    if path is None or not path.is_file():
        return ""
    return f"\n\n```yaml\n{path.read_text(encoding='utf-8').strip()}\n```"


def _figures(run: Path | None) -> str:
    reports = {split: report for split, report in _read_json(run, "metrics.json").get("reports", {}).items() if report}
    keys = [key for key in FIGURES if any(isinstance(report.get(key), float) for report in reports.values())]
    if not keys:
        return "None recorded."
    rows = [("split", "pictures", *(FIGURES[key] for key in keys)), ("---",) * (len(keys) + 2)]
    for split, report in reports.items():
        values = (f"{report[key]:.4f}" if isinstance(report.get(key), float) else "" for key in keys)
        rows.append((split, f"{report['pictures']:,}" if "pictures" in report else "", *values))
    return _table(rows) + "\n\nWhere the validation pictures chose the epoch, their figures flatter the model."


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _read_json(run: Path | None, name: str) -> dict[str, Any]:
    """A file of a run; empty where there is none."""
    path = None if run is None else run / name
    if path is None or not path.is_file():
        return {}
    return read_json(path, lambda values: values if isinstance(values, dict) else {}, "is not what a run writes")
