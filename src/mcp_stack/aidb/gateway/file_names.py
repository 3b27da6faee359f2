"""Paths and addresses in a request, told in words: a model of meaning knows no `/srv/notes/plan.md`."""

from __future__ import annotations

import re
from dataclasses import dataclass

FORMATS = {
    "md": "Markdown",
    "txt": "text",
    "rst": "text",
    "log": "log",
    "html": "HTML",
    "htm": "HTML",
    "css": "CSS",
    "json": "JSON",
    "jsonl": "JSON",
    "yaml": "YAML",
    "yml": "YAML",
    "toml": "TOML",
    "ini": "configuration",
    "xml": "XML",
    "csv": "CSV",
    "tsv": "CSV",
    "tex": "LaTeX",
    "bib": "BibTeX",
    "py": "Python",
    "js": "JavaScript",
    "jsx": "JavaScript",
    "ts": "TypeScript",
    "tsx": "TypeScript",
    "java": "Java",
    "c": "C",
    "cpp": "C++",
    "go": "Go",
    "rs": "Rust",
    "rb": "Ruby",
    "php": "PHP",
    "sh": "shell script",
    "sql": "SQL",
    "docx": "Word document",
    "doc": "Word document",
    "odt": "text document",
    "pptx": "PowerPoint presentation",
    "ppt": "PowerPoint presentation",
    "xlsx": "Excel spreadsheet",
    "xls": "Excel spreadsheet",
    "ods": "spreadsheet",
    "pdf": "PDF",
    "epub": "e-book",
    "png": "PNG image",
    "jpg": "JPEG image",
    "jpeg": "JPEG image",
    "gif": "GIF image",
    "webp": "image",
    "svg": "SVG image",
    "mp3": "MP3 audio",
    "wav": "WAV audio",
    "flac": "audio",
    "mp4": "MP4 video",
    "mov": "video",
    "zip": "ZIP archive",
    "tar": "archive",
    "gz": "archive",
    "ipynb": "Jupyter notebook",
    "db": "database",
    "sqlite": "SQLite database",
    "parquet": "Parquet",
}
PLAIN_TEXT = frozenset(
    """md txt rst log html htm css json jsonl yaml yml toml ini xml csv tsv tex bib py js jsx ts tsx java c cpp go rs rb
    php sh sql""".split()  # noqa: SIM905 - a list of words is read as words
)
"""What any tool that writes text can write; the others need a tool of their own."""

_URL = re.compile(r"\b(?:https?://|www\.)[^\s<>\"')]*[\w/]")
# A path with a slash, or a bare name with an ending that is known and part of no product's name (`Node.js`).
_BARE = "|".join(ending for ending in FORMATS if ending not in ("js", "c", "go"))
_PATH = re.compile(
    r"(?<![\w/:.])(?:~|\.{1,2})?/(?:[\w.+-]+/)*[\w.+-]*[\w+-]"
    rf"|(?<![\w/.+-])(?:[\w.+-]+/)*[\w.+-]*[\w+-]\.(?:{_BARE})\b(?![/.]\w)"
)
_FOLDER = re.compile(r"\s*(?:folder|directory|dir)\b", re.IGNORECASE)
# `save it to`, `a report in`: what follows is where something goes, if something is made before ...
_PLACE = re.compile(r"\s*\b(?:in|to|at|as|into|under|named|called)\s+$", re.IGNORECASE)
# ... by a verb, or as a thing that is told for the first time (`a summary`, not `the summary`).
_MAKES = re.compile(
    r"\b(?:sav|writ|stor|export|output|generat|creat|produc|draft|put|dump|record|prepar|compil|mak|made|render)\w*\b"
    r"|\b(?:summari[sz]|organi[sz]|combin|collect)\w*\s+(?:it|them|this|that|these|everything|your|all)\b"
    r"|\ban?\s+(?:[\w-]+\s+){0,2}(?:report|summary|table|document|list|page|note|presentation|chart|diagram)\b",
    re.IGNORECASE,
)
_READS = re.compile(
    r"\b(?:read|open|load|import|parse|extract|analy[sz]e|translate|check|compare|look|review|get|find|search|from)\b",
    re.IGNORECASE,
)
_TURNS = re.compile(r"\b(?:convert|turn|transform|chang)\w*\b.*\b(?:to|into|as)\s+$", re.IGNORECASE)
_ONLY_SAVES = re.compile(
    r"(?:save|write|store|put|export|output)\s+(?:it|this|that|them|(?:the|your|my|all)(?:\s+[\w-]+){1,3})",
    re.IGNORECASE,
)


# How many characters before a path may say what is done to it.
LOOKED_BACK = 200


@dataclass(frozen=True, slots=True)
class Told:
    """A request without paths and addresses.

    Attributes:
        text: What is left, with what was there in words; empty if it only said where to save something.
        files: Tasks that the paths stand for: a file is to be written.
    """

    text: str
    files: tuple[str, ...]


def told(request: str) -> Told:
    """Say in words what paths and addresses are, and which files have to be written.

    Args:
        request: A sentence or a part of one.
    """
    request = _URL.sub("a web page URL", request)
    parts: list[str] = []
    files: list[str] = []
    last = 0
    for match in _PATH.finditer(request):
        before = request[last : match.start()]
        so_far = request[max(0, match.start() - LOOKED_BACK) : match.start()]
        stem, _, ending = match[0].rstrip("/").rpartition("/")[2].rpartition(".")
        kind = FORMATS.get(ending.lower(), "") if stem else ""
        if stem and _is_made(so_far):
            parts.append(_PLACE.sub("", before))
            files.append("write text to a file" if ending.lower() in PLAIN_TEXT else f"create a {kind} file")
        elif stem:
            parts.append(f"{before}a {kind} file")
        elif folder := _FOLDER.match(request, match.end()) or match[0].count("/") > 1 or match[0][0] == "~":
            named = re.sub("[-_]", " ", ending)
            parts.append(f"{before}{named}" if isinstance(folder, re.Match) else f"{before}{named} folder")
        else:
            parts.append(f"{before}{match[0]}")
        last = match.end()
    text = " ".join("".join([*parts, request[last:]]).split()).strip(" ,.")
    return Told("" if files and _ONLY_SAVES.fullmatch(text) else text, tuple(dict.fromkeys(files)))


def _is_made(before: str) -> bool:
    """Whether a path is where something goes, by what stands before it."""
    if _PLACE.search(before) is None or _TURNS.search(before):
        return False  # a conversion says what it ends in: `to a PDF file`
    made = max((match.start() for match in _MAKES.finditer(before)), default=-1)
    return made > max((match.start() for match in _READS.finditer(before)), default=-1)
