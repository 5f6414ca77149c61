"""Recipes as YAML: the bundled ones, a user's own, and `--set key=value`."""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from tfiqa.errors import InvalidInput, RecipeError
from tfiqa.registry import unknown_name
from tfiqa.training.heads.recipe import HEAD_SECTIONS, HeadRecipe
from tfiqa.training.recipe import SECTIONS, Recipe

AnyRecipe = Recipe | HeadRecipe
Sections = Mapping[str, type]


def list_recipes() -> tuple[str, ...]:
    """Names of the bundled recipes."""
    folder = resources.files("tfiqa.training") / "recipes"
    return tuple(sorted(Path(item.name).stem for item in folder.iterdir() if item.name.endswith(".yaml")))


def read_recipe(source: str | Path, overrides: Iterable[str] = ()) -> Any:
    """A recipe, checked: a `HeadRecipe` where it has a section `head`, else a `Recipe`.

    Args:
        source: the name of a bundled recipe, or a YAML file.
        overrides: `key=value` texts. A key is dotted (`training.epochs`), a whole section (`split`), or the last part alone
            where only one section has it (`epochs`); `model=NAME` stands for `model.name=NAME`. Values are read as YAML.

    Raises RecipeError in one line that names the key, and the nearest known one when it is misspelt.
    """
    text, where = _text(source)
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"{where} is not YAML: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(values, dict):
        raise RecipeError(
            f"{where} holds no settings; a recipe is a YAML mapping with the sections {', '.join(SECTIONS)}"
        )
    sections = _sections(values)
    for override in overrides:
        _override(values, override, sections)
    return parse_recipe(values, where)


def parse_recipe(values: Mapping[str, Any], where: str = "recipe") -> Any:
    """The recipe of a nested dictionary, of either kind as in `read_recipe`; `where` opens the error texts."""
    sections = _sections(values)
    try:
        for key in values:
            if key not in sections:
                raise RecipeError(unknown_name("section", str(key), sections))
        if sections is SECTIONS and "model" not in values:
            raise RecipeError("section model is missing")
        found = {name: _section(name, section, sections[name]) for name, section in values.items()}
        return (HeadRecipe if sections is HEAD_SECTIONS else Recipe)(**found)
    except InvalidInput as error:
        raise RecipeError(f"{where}: {error}") from error


def recipe_text(recipe: AnyRecipe) -> str:
    """The resolved recipe as YAML that `read_recipe` takes back."""
    return yaml.safe_dump(recipe.to_dict(), sort_keys=False, allow_unicode=True)


def _text(source: str | Path) -> tuple[str, str]:
    path = Path(source)
    if path.suffix in (".yaml", ".yml"):
        try:
            return path.read_text(encoding="utf-8"), str(path)
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"cannot read recipe {path}: {getattr(error, 'strerror', None) or error}") from error
    if str(source) not in list_recipes():
        raise RecipeError(unknown_name("recipe", str(source), list_recipes()) + " (or give a .yaml file)")
    bundled = resources.files("tfiqa.training") / "recipes" / f"{source}.yaml"
    return bundled.read_text(encoding="utf-8"), f"recipe {source}"


def _sections(values: Mapping[str, Any]) -> Sections:
    return HEAD_SECTIONS if "head" in values else SECTIONS


def _override(values: dict[str, Any], override: str, sections: Sections) -> None:
    key, separator, text = override.partition("=")
    if not separator or not key:
        raise RecipeError(f"--set takes key=value. Received: {override!r}")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"--set {key}: the value is not YAML. Received: {text!r}") from error
    if key == "model" and "model" in sections and isinstance(value, str):
        key = "model.name"
    *outer, last = _full_key(key, sections)
    section = values
    for part in outer:
        section = section.setdefault(part, {})
        if not isinstance(section, dict):
            raise RecipeError(f"--set {key}: {part} holds no keys")
    section[last] = value


def _full_key(key: str, sections: Sections) -> list[str]:
    """The path of a `--set` key, completed with its section."""
    path = key.split(".")
    if path[0] in sections:
        return path
    if len(path) > 1:
        raise RecipeError("--set: " + unknown_name("section", path[0], sections))
    owners = [name for name, section in sections.items() if key in {f.name for f in fields(section)}]
    if len(owners) > 1:
        raise RecipeError(f"--set {key}: say {' or '.join(f'{owner}.{key}' for owner in owners)}")
    if not owners:
        known = [f.name for section in sections.values() for f in fields(section)]
        raise RecipeError("--set: " + unknown_name("key", key, known))
    return [owners[0], key]


def _section(name: str, values: Any, section: type) -> Any:
    if not isinstance(values, Mapping):
        raise RecipeError(f"section {name} is a mapping. Received: {values!r}")
    hints = typing.get_type_hints(section)
    for key in values:
        if key not in hints:
            raise RecipeError(unknown_name(f"key in section {name}", str(key), hints))
    for f in fields(section):
        if f.name not in values and f.default is MISSING and f.default_factory is MISSING:
            raise RecipeError(f"{name}.{f.name} is missing")
    return section(**{key: _typed(f"{name}.{key}", value, hints[key]) for key, value in values.items()})


def _typed(key: str, value: Any, hint: Any) -> Any:
    """The value as the type its field declares; whole numbers pass as floats, nothing else is converted."""
    accepted = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for kind in accepted:
        if typing.get_origin(kind) is dict:
            if isinstance(value, Mapping):
                return {str(k): _typed(f"{key}.{k}", v, typing.get_args(kind)[1]) for k, v in value.items()}
        elif typing.get_origin(kind) is tuple:
            if isinstance(value, (list, tuple)):
                return tuple(_typed(f"a value of {key}", item, typing.get_args(kind)[0]) for item in value)
        elif kind is Any or (kind is type(None) and value is None):
            return value
        elif kind is float and isinstance(value, (int, float, str)) and not isinstance(value, bool):
            try:
                number = float(value)  # YAML reads 1e-3 as text, since it wants 1.0e-3
            except ValueError:
                continue
            if math.isfinite(number):
                return number
        elif isinstance(kind, type) and isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return value
    wanted = " or ".join(_name(kind) for kind in accepted)
    raise RecipeError(f"{key} is of type {wanted}. Received: {value!r}")


def _name(kind: Any) -> str:
    """As YAML speaks of it."""
    names = {type(None): "null", tuple: "list"}
    return names.get(typing.get_origin(kind) or kind) or str(getattr(kind, "__name__", kind))
