"""Skills as folders: SKILL.md with YAML on top, and the files beside it. What comes from elsewhere is not trusted."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from ...errors import DeniedError, NotFoundError, UsageError
from ...ports.skills import SkillContent, SkillFile
from ...validation import checked_text
from ..arguments import checked_tags

if TYPE_CHECKING:
    from yaml import Node

MANIFEST: Final = "SKILL.md"
MAX_MANIFEST_BYTES: Final = 256 * 1024
MAX_FRONTMATTER_CHARACTERS: Final = 16_000
MAX_NAME_CHARACTERS: Final = 64
MAX_DESCRIPTION_CHARACTERS: Final = 2_000
MAX_TOOLS: Final = 64
MAX_SKILLS: Final = 500
MAX_DEPTH: Final = 6
MAX_FILES: Final = 200
MAX_FILE_BYTES: Final = 20_000_000
# Of files that are text: what `get_skill` can show.
MAX_SHOWN_BYTES: Final = 64 * 1024
MAX_SHOWN_BYTES_IN_ALL: Final = 512 * 1024
# Of the YAML: it is a handful of lines, and a bomb is made of depth and references.
_MAX_EVENTS: Final = 500
_MAX_YAML_DEPTH: Final = 8

Field: TypeAlias = "str | list[Field] | dict[str, Field]"

_SLUG: Final = re.compile(r"[^a-z0-9]+")
_TOOL: Final = re.compile(r"[^\s,()]+(?:\([^()]*\))?")


def find_skills(path: Path) -> list[Path]:
    """The folders with a SKILL.md, from this one down.

    Args:
        path: A skill's folder, or one that holds such folders.

    Raises:
        NotFoundError: There is no such folder, or none in it.
        UsageError: There are too many.
    """
    if not path.is_dir():
        raise NotFoundError(f"there is no folder {path}", "name a folder that holds SKILL.md, or folders of such")
    found = []
    for parent, folders, names in os.walk(path):
        if MANIFEST in names:
            found.append(Path(parent))
            folders.clear()
        depth = len(Path(parent).relative_to(path).parts)
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if depth < MAX_DEPTH else []
        if len(found) > MAX_SKILLS:
            raise UsageError(f"{path} holds more than {MAX_SKILLS} skills", "import its subfolders one by one")
    if not found:
        raise NotFoundError(f"{path} holds no {MANIFEST}", "name a skill's folder, or one that holds such folders")
    return found


def read_skill(folder: Path) -> tuple[str, SkillContent, str]:
    """Read and check a skill.

    Args:
        folder: Holds SKILL.md.

    Returns:
        Its slug, its content, and a hash of that in hexadecimal.

    Raises:
        UsageError: It is malformed, too large, or has control characters.
        DeniedError: A file may not be read, or leads out of the folder.
    """
    manifest = _read(folder / MANIFEST, MAX_MANIFEST_BYTES)
    try:
        text = manifest.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise UsageError(f"{MANIFEST} is not UTF-8 at byte {error.start}", "convert it") from error
    head, body = _parted(text)
    fields = _frontmatter(head)
    name = checked_text("name", _text(fields, "name"), MAX_NAME_CHARACTERS)
    slug = _SLUG.sub("-", name.lower()).strip("-")
    if not slug:
        raise UsageError(f"name {name!r} has no letter a to z and no digit", "the slug is made of these")
    content = SkillContent(
        name=" ".join(name.split()),
        description=checked_text("description", _text(fields, "description"), MAX_DESCRIPTION_CHARACTERS),
        content=checked_text("the text below the front matter", body, MAX_MANIFEST_BYTES),
        license=checked_text("license", _text(fields, "license"), 500, required=False),
        tags=checked_tags(_listed(fields, "tags", re.compile(r"[^,]+"))),
        allowed_tools=_tools(fields),
        files=tuple(_files(folder)),
    )
    return slug, content, fingerprint(content)


def fingerprint(content: SkillContent) -> str:
    """SHA-256, in hexadecimal, of everything that a person approves of."""
    digest = hashlib.sha256()
    lists = [*content.tags, "", *content.allowed_tools, "", *(f"{file.path}\0{file.sha256}" for file in content.files)]
    for part in (content.name, content.description, content.content, content.license, *lists):
        data = part.encode()
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


# --- SKILL.md -------------------------------------------------------------------------------------------------------


def _parted(text: str) -> tuple[str, str]:
    """The YAML and the Markdown below it."""
    first, _, rest = text.partition("\n")
    if first.rstrip() != "---":
        raise UsageError(f"{MANIFEST} does not begin with a line `---`", "put name and description in YAML on top")
    head = re.match(r"(.*?)^---[ \t]*$\n?", rest, re.DOTALL | re.MULTILINE)
    if head is None:
        raise UsageError(f"the YAML on top of {MANIFEST} does not end", "close it with a line `---`")
    return head[1], rest[head.end() :]


def _frontmatter(text: str) -> dict[str, Field]:
    """The fields of the YAML, every value a text, a list or a mapping: nothing is constructed, whatever its tag."""
    import yaml  # noqa: PLC0415 - heavy: only an import of skills needs it

    if len(text) > MAX_FRONTMATTER_CHARACTERS:
        raise UsageError(f"the YAML has {len(text)} characters", f"at most {MAX_FRONTMATTER_CHARACTERS} are allowed")
    depth = 0
    try:
        for number, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent) or number > _MAX_EVENTS or depth > _MAX_YAML_DEPTH:
                raise UsageError("the YAML is too large, too deep or refers to itself", "write plain keys and values")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())[:300]
        raise UsageError(f"the YAML is malformed ({reason})", "quote values that hold `: ` or `#`") from error
    fields = _plain(node) if node is not None else {}
    if not isinstance(fields, dict):
        raise UsageError("the YAML is no mapping", "write lines such as `name: my-skill`")
    return fields


def _plain(node: Node) -> Field:
    import yaml  # noqa: PLC0415 - heavy: only an import of skills needs it

    if isinstance(node, yaml.MappingNode):
        fields: dict[str, Field] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value in fields:
                raise UsageError(
                    f"the YAML has a key that is no text, or twice, in line {key.start_mark.line + 2}", "mend it"
                )
            fields[key.value] = _plain(value)
        return fields
    if isinstance(node, yaml.SequenceNode):
        return [_plain(each) for each in node.value]
    return str(node.value)


def _text(fields: Mapping[str, Field], key: str) -> str:
    value = fields.get(key, "")
    if not isinstance(value, str):
        raise UsageError(f"{key} is no text", "write it on one line, quoted if need be")
    return value


def _listed(fields: Mapping[str, Field], key: str, item: re.Pattern[str]) -> list[str]:
    """A list, written as one or as a text."""
    value = fields.get(key, "")
    if isinstance(value, str):
        return [part.strip() for part in item.findall(value) if part.strip()]
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return [part for part in value if isinstance(part, str)]
    raise UsageError(f"{key} is no list of texts", "write `[one, two]`")


def _tools(fields: Mapping[str, Field]) -> tuple[str, ...]:
    tools = _listed(fields, "allowed-tools", _TOOL)
    if len(tools) > MAX_TOOLS:
        raise UsageError(f"allowed-tools has {len(tools)} entries", f"at most {MAX_TOOLS} are allowed")
    return tuple(checked_text("allowed-tools", tool, 200) for tool in tools)


# --- files ----------------------------------------------------------------------------------------------------------


def _files(folder: Path) -> Iterator[SkillFile]:
    """The files beside SKILL.md, in order; hidden ones are left out."""
    shown = 0
    for number, path in enumerate(sorted(_walk(folder), key=lambda each: each.relative_to(folder).as_posix())):
        if number >= MAX_FILES:
            raise UsageError(f"the skill has more than {MAX_FILES} files", "leave out what it does not need")
        name = checked_text("a file's name", path.relative_to(folder).as_posix(), 1000)
        data = _read(path, MAX_FILE_BYTES)
        content = _shown(name, data) if shown + len(data) <= MAX_SHOWN_BYTES_IN_ALL else None
        shown += len(data) if content is not None else 0
        yield SkillFile(name, len(data), hashlib.sha256(data).hexdigest(), content)


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            if Path(parent, name).is_symlink() and not name.startswith("."):
                raise DeniedError(
                    f"{Path(parent, name).relative_to(folder)} is a link", "put the file itself into the skill's folder"
                )
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        inside = Path(parent) != folder
        yield from (Path(parent, name) for name in names if not name.startswith(".") and (inside or name != MANIFEST))


def _shown(name: str, data: bytes) -> str | None:
    """The text of a file that may be shown; None if it is binary, too long or has control characters."""
    if len(data) > MAX_SHOWN_BYTES:
        return None
    try:
        text = data.decode("utf-8-sig")
        checked_text(name, text, MAX_SHOWN_BYTES, required=False)
    except (UnicodeDecodeError, UsageError):
        return None
    return text


def _read(path: Path, most: int) -> bytes:
    """The bytes of a regular file.

    Opened without following a link and without waiting, which a pipe would make it do.
    """
    name = path.name
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UsageError(f"{name} is no regular file", "leave it out")
            data = file.read(most + 1)
    except OSError as error:
        raise DeniedError(f"{name} cannot be read ({error.strerror})", "make it a readable file of its own") from error
    if len(data) > most:
        raise UsageError(f"{name} is larger than {most} bytes", "make it smaller, or leave it out")
    return data
