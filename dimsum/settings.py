"""Settings: YAML files, presets by name, `a.b=c` overrides, and clear errors about all three.

Every settings file of the command line is read here: builds, rounds, trainings, critics' recipes.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

from dimsum.errors import UsageError
from dimsum.os_errors import explain_missing


class Settings(BaseModel):
    """Unknown keys are errors, numbers are finite, and values never change after loading.

    A key that Python reserves is a field's alias, and stands for it in files and in dumps.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, serialize_by_alias=True
    )

    @model_validator(mode="before")
    @classmethod
    def _keys_known(cls, value: Any) -> Any:
        known = [field.alias or name for name, field in cls.model_fields.items()]
        for key in value if isinstance(value, Mapping) else ():
            if key not in known:
                near = suggest_word(str(key), known)
                context = {"key": str(key), "near": near}
                raise PydanticCustomError("unknown_key", "unknown key {key}{near}", context)
        return value


Model = TypeVar("Model", bound=Settings)


def place_in_folder(path: Path, info: ValidationInfo) -> Path:
    """A path, taken from the folder of the file that names it."""
    base = (info.context or {}).get("base")
    path = path.expanduser()
    return path if base is None else (base / path).absolute()


PathInFile = Annotated[Path, AfterValidator(place_in_folder)]
"""A path that, relative in a YAML file, is taken from the folder of that file."""

FROM = "from"
TEXT = "tag:yaml.org,2002:str"


def begin_from(
    read: Callable[[str], Settings], presets: tuple[str, ...], *, otherwise: str = ""
) -> BeforeValidator:
    """Settings that begin from others: `BASE`, or `{from: BASE, key: value, ...}`.

    Values replace those of the base, and mappings are merged but for those of another `kind`; a
    list is replaced as a whole.

    Args:
        read: a base by its name; a path arrives absolute.
        presets: bases that are no paths.
        otherwise: the field before this one that is the base where none is named; without it
            such settings must be complete.
    """

    def expand(value: Any, info: ValidationInfo) -> Any:
        changes = {FROM: value} if isinstance(value, str) else value
        if not isinstance(changes, Mapping):
            return value
        base: Settings | None = info.data.get(otherwise)
        if FROM in changes:
            name = changes[FROM]
            if not isinstance(name, str):
                raise ValueError(f"{FROM} is a name or a path, not {name!r}")
            base = read(name if name in presets else str(place_in_folder(Path(name), info)))
        if base is None:
            return value
        own = {key: item for key, item in changes.items() if key != FROM}
        return merge(base.model_dump(mode="json"), own)

    return BeforeValidator(expand)


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping with the values of another; mappings inside both are merged.

    One that says another `kind`, or what it begins from, takes nothing from the other.
    """
    found = dict(base)
    for key, value in changes.items():
        inner = found.get(key)
        if isinstance(inner, Mapping) and isinstance(value, Mapping):
            alike = FROM not in value and value.get("kind") in (None, inner.get("kind"))
            value = merge(inner, value) if alike else value
        found[key] = value
    return found


@dataclass(frozen=True)
class Presets:
    """The settings files that a package ships.

    Attributes:
        package: whose they are.
        names: of the files, without `.yaml`.
        folder: of the package, in which they lie.
    """

    package: str
    names: tuple[str, ...]
    folder: str = "presets"

    def text(self, name: str) -> str:
        """One of the files."""
        file = resources.files(self.package).joinpath(f"{self.folder}/{name}.yaml")
        return file.read_text("utf-8")


def load(
    kind: type[Model], source: str | Path, overrides: Iterable[str] = (), *, presets: Presets
) -> Model:
    """Settings from a preset's name or a YAML file, with `a.b=c` overrides.

    Raises:
        UsageError: as in `read_mapping`, `override` and `check`.
    """
    document = read_mapping(source, presets)
    for change in overrides:
        override(document, change)
    base = None if str(source) in presets.names else Path(source).expanduser().parent
    return check(kind, document, base)


class _OneOfEachKey(yaml.SafeLoader):
    """YAML whose keys are texts, `no` and `1` among them, each once in its mapping.

    A key that is there twice is an error: one of the values would go. What stands under `where` is
    compared with text, and is the text that stands there: `no`, `007`, `true`.
    """

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            key.tag = TEXT
            if key.value in seen:
                line = key.start_mark.line + 1
                raise UsageError(
                    f"the settings have {key.value!r} twice, again at line {line}",
                    hint="remove one of the two",
                )
            seen.add(key.value)
            if key.value == "where" and isinstance(value, yaml.MappingNode):
                for _, wanted in value.value:
                    if isinstance(wanted, yaml.ScalarNode):
                        wanted.tag = TEXT
        return super().construct_mapping(node, deep)


def read_mapping(source: str | Path, presets: Presets) -> dict[str, Any]:
    """The mapping of a preset or of a YAML file, unchecked.

    Raises:
        UsageError: no such file, one that cannot be read, no mapping in it, or a key twice.
    """
    if str(source) in presets.names:
        text = presets.text(str(source))
    else:
        path = Path(source).expanduser()
        if not path.is_file():
            hint = "give a YAML file"
            if presets.names:
                hint += f" or a preset: {', '.join(presets.names)}"
            raise UsageError(f"no settings at {path}", hint=explain_missing(path, hint))
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise UsageError(
                f"{path} cannot be read: it is not UTF-8", hint="save it as UTF-8"
            ) from error
        except OSError as error:
            raise UsageError(
                f"{path} cannot be read: {error}", hint="check the path and the rights to it"
            ) from error
    try:
        document = yaml.load(text, _OneOfEachKey)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" at line {where.line + 1}" if where else ""
        raise UsageError(
            f"{source} is not valid YAML{line}",
            hint="correct that line: text with : or # in it is written in quotes",
        ) from error
    if not isinstance(document, dict):
        raise UsageError(
            f"{source} is not a mapping of keys to values",
            hint="settings are lines of the form key: value",
        )
    return document


def name_folder(source: str, presets: Presets, ending: str = "") -> Path:
    """Where a run of settings goes that names no folder: `runs/NAME`.

    NAME is a preset's name or a file's stem. A file that lies elsewhere than here, or is called as
    a preset, has digits of its path from here behind it, so that no two files share a folder.
    """
    path = Path(source).expanduser()
    name = path.stem
    if source not in presets.names:
        seen = os.path.relpath(path.absolute())
        if Path(seen).parent != Path() or name in presets.names or path.suffix not in (".yaml", ""):
            name += f"-{sha256(seen.encode()).hexdigest()[:6]}"
    return Path("runs") / f"{name}{ending}"


def check(kind: type[Model], document: Mapping[str, Any], base: Path | None = None) -> Model:
    """A mapping as settings; the first fault becomes one clear error.

    Args:
        kind: of the settings.
        document: as YAML has it.
        base: folder that relative paths are taken from (`PathInFile`); None leaves them.

    Raises:
        UsageError: an unknown key (with the nearest known one) or a value that does not fit.
    """
    try:
        return kind.model_validate(document, context={"base": base})
    except ValidationError as error:
        raise _explain(error, kind) from error


def apply_overrides(settings: Model, overrides: Iterable[str]) -> Model:
    """Settings with `a.b=c` overrides, checked again.

    Raises:
        UsageError: as in `override` and `check`.
    """
    document = settings.model_dump(mode="json")
    for change in overrides:
        override(document, change)
    return check(type(settings), document)


def override(document: dict[str, Any], change: str) -> None:
    """Set one value in place: `a.b=c`, where c is read as YAML and list items go by number.

    Text on the way to it names what those settings begin from (`begin_from`).

    Raises:
        UsageError: not of this form, or no such key.
    """
    path, equals, text = change.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise UsageError(f"--set {change!r} is not of the form a.b=c", hint="such as --set seed=1")
    node: Any = document
    try:
        for key in keys[:-1]:
            if isinstance(node, list):
                node = node[int(key)]
                continue
            if node.get(key) is None:
                node[key] = {}
            elif isinstance(node[key], str):
                node[key] = {FROM: node[key]}
            node = node[key]
        value = yaml.safe_load(text)
        if isinstance(node, list):
            node[int(keys[-1])] = value
        else:
            node[keys[-1]] = value
    except (ValueError, IndexError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise UsageError(
            f"--set {change!r} does not fit the settings",
            hint="check the name of the key; items of a list go by number, the first is 0",
        ) from error


def suggest_word(word: str, known: Iterable[str]) -> str:
    """A half-sentence with the nearest known word, or nothing."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def _explain(error: ValidationError, kind: type[BaseModel]) -> UsageError:
    first = error.errors()[0]
    location = tuple(part for part in first["loc"] if part != "[key]")
    dotted = ".".join(map(str, location))
    more = len(error.errors()) - 1
    hint = f"{more} more after this one" if more else _describe(kind, location)
    match first["type"]:
        case "unknown_key":
            key = ".".join(part for part in (dotted, first["ctx"]["key"]) if part)
            text = f"unknown key {key}{first['ctx']['near']}"
        case "literal_error" if "[key]" in first["loc"]:
            text = f"unknown key {dotted}: it should be {first['ctx']['expected']}"
        case "missing":
            text = f"{dotted} is missing"
        case "value_error":
            refused = first["ctx"]["error"]
            text = ": ".join(part for part in (dotted, str(refused)) if part)
            hint = getattr(refused.__cause__, "hint", "") or hint
        case _:
            text = f"{dotted}: {first['msg']} (found {first['input']!r})"
    return UsageError(text, hint=hint or "correct it in the settings or in --set")


def _describe(kind: type[BaseModel], location: Sequence[Any]) -> str:
    """What a setting is, as its field says it; empty where none does."""
    found, models = "", [kind]
    for part in location:
        field = next((m.model_fields[part] for m in models if part in m.model_fields), None)
        if field is not None:
            found = f"{part} is: {field.description}" if field.description else ""
            models = list(_list_models(field.annotation))
    return found


def _list_models(annotation: Any) -> Iterator[type[BaseModel]]:
    for inner in get_args(annotation):
        yield from _list_models(inner)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
