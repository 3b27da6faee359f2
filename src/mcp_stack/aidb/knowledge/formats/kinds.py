"""What kind of document a file is, by its name and, where that says nothing, by its first bytes."""

from __future__ import annotations

import codecs
import re
from pathlib import PurePath
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["text", "markdown", "rst", "asciidoc", "html", "pdf", "code", "data", "table", "notebook"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ISOLATED: frozenset[Kind] = frozenset({"html", "pdf", "code", "notebook"})
"""Kinds whose readers are complex enough to be led astray: they run in a process of their own, with bounds."""

_KINDS: dict[str, Kind] = {
    **dict.fromkeys((".md", ".markdown", ".mdx", ".mkd", ".mdown", ".qmd", ".rmd"), "markdown"),
    **dict.fromkeys((".txt", ".text", ".log", ".org", ".tex", ".textile", ".srt", ".vtt"), "text"),
    ".rst": "rst",
    **dict.fromkeys((".adoc", ".asciidoc"), "asciidoc"),
    **dict.fromkeys((".html", ".htm", ".xhtml"), "html"),
    ".pdf": "pdf",
    ".ipynb": "notebook",
    **dict.fromkeys((".csv", ".tsv"), "table"),
    **dict.fromkeys(
        _words(
            ".json .jsonl .ndjson .json5 .yaml .yml .toml .ini .cfg .conf .xml .properties .plist .desktop .service "
            ".timer .socket"
        ),
        "data",
    ),
}

LANGUAGES: dict[str, str] = {
    **dict.fromkeys((".py", ".pyi", ".pyw"), "python"),
    **dict.fromkeys((".js", ".mjs", ".cjs", ".jsx"), "javascript"),
    **dict.fromkeys((".ts", ".mts", ".cts"), "typescript"),
    ".tsx": "tsx",
    ".go": "go",
    ".rs": "rust",
    ".java": "java",
    **dict.fromkeys((".c", ".h"), "c"),
    **dict.fromkeys((".cc", ".cpp", ".cxx", ".hh", ".hpp", ".hxx", ".ipp", ".ino", ".cu", ".cuh"), "cpp"),
    **dict.fromkeys((".sh", ".bash"), "bash"),
    ".nix": "nix",
}
"""Languages by ending; the reader of code knows which of them it can parse."""

_OTHER_CODE = _words(
    ".ada .adb .ads .agda .applescript .asm .awk .bas .bat .bzl .clj .cljc .cljs .cl .cmake .cmd .coffee .cr .cs "
    ".css .d .dart .dhall .diff .el .elm .erl .ex .exs .f .f90 .f95 .fish .for .frag .fs .fsi .fsx .gd .gleam "
    ".glsl .gradle .graphql .groovy .hcl .hrl .hs .hx .idr .jl .jq .kt .kts .lean .less .lhs .lisp .lua .m .mk "
    ".ml .mli .mm .mojo .nim .odin .pas .patch .php .pl .pm .prisma .pro .proto .ps1 .psm1 .purs .r .rb .rkt .s "
    ".sass .scala .scm .scss .sol .sql .st .starlark .sv .svelte .svh .swift .tcl .tf .thrift .v .vala "
    ".vb .vert .vhd .vhdl .vim .vue .wat .wgsl .xsl .zig .zsh"
)
_CODE_NAMES = _words(
    "brewfile build caddyfile cmakelists.txt containerfile dangerfile dockerfile earthfile gemfile gnumakefile "
    "guardfile jenkinsfile justfile makefile meson.build meson_options.txt podfile procfile rakefile sconscript "
    "sconstruct tiltfile vagrantfile workspace"
)
_BINARY = _words(
    ".7z .a .apk .avi .avif .bin .blend .bmp .br .bz2 .class .crx .dat .db .deb .dll .dmg .doc .docx .dylib .eot "
    ".epub .exe .flac .gguf .gif .gz .h5 .heic .icns .ico .img .iso .jar .jpeg .jpg .ko .lz4 .m4a .mkv .mo .mov "
    ".mp3 .mp4 .mpeg .msi .npy .npz .o .odp .ods .odt .ogg .onnx .otf .parquet .pb .pickle .pkl .png .ppt .pptx "
    ".psd .pt .pth .pyc .pyd .pyo .rar .rlib .rpm .safetensors .so .sqlite .sqlite3 .svgz .swf .swp .tar .tgz "
    ".tif .tiff .ttf .wasm .wav .webm .webp .whl .wmv .woff .woff2 .xls .xlsx .xz .zip .zst"
)
_GENERATED_NAMES = _words(
    "bun.lock cargo.lock composer.lock deno.lock flake.lock gemfile.lock go.sum mix.lock npm-shrinkwrap.json "
    "package-lock.json packages.lock.json pdm.lock pipfile.lock pixi.lock podfile.lock poetry.lock pubspec.lock "
    "pnpm-lock.yaml uv.lock yarn.lock"
)
_GENERATED_ENDINGS = (".min.js", ".min.css", ".min.mjs", ".bundle.js", ".map", ".svg", ".snap")
_SECRET_NAME = re.compile(
    r"id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?|_?netrc|\.?pgpass|\.?htpasswd|kubeconfig"
    r"|(?:client[_-]?secrets?|credentials?|secrets?|service[_-]?account|passwords?)[\w-]*"
    r"\.(?:json|ya?ml|toml|ini|csv|txt|properties)"
)
_PRIVATE_KEY = re.compile(rb"\s{0,100}(?:-----BEGIN [A-Z ]{0,30}PRIVATE KEY|PuTTY-User-Key-File)")
_SECRET = _words(".env .gpg .jks .kdbx .key .keystore .ovpn .p12 .pem .pfx .ppk")
_SHELLS = (b"sh", b"bash", b"dash", b"ksh", b"zsh", b"ash")


def kind_of(name: str, head: bytes) -> Kind | None:
    """The kind of a file.

    Args:
        name: Its name or path.
        head: Its first bytes, some thousands.

    Returns:
        None for a binary file.
    """
    path = PurePath(name.lower())
    if kind := _KINDS.get(path.suffix):
        return kind
    if path.suffix in LANGUAGES or path.suffix in _OTHER_CODE or path.name in _CODE_NAMES:
        return "code"
    if path.suffix in _BINARY or not _is_text(head):
        return None
    return "code" if head.startswith(b"#!") else "text"


def language_of(name: str, head: bytes) -> str:
    """The programming language of a file of code; empty if its name and its first line do not say.

    Args:
        name: Its name or path.
        head: Its first bytes.
    """
    if language := LANGUAGES.get(PurePath(name.lower()).suffix):
        return language
    if not head.startswith(b"#!"):
        return ""
    words = head.split(b"\n", 1)[0][2:].split()
    programs = [word.rsplit(b"/", 1)[-1] for word in words if not word.startswith(b"-")]
    program = next((each for each in programs if each != b"env"), b"")
    if program in _SHELLS:
        return "bash"
    if program.startswith(b"python"):
        return "python"
    return "javascript" if program in {b"node", b"deno", b"bun"} else ""


def passed_over(name: str) -> str:
    """Why a file of a folder is not worth opening; empty if it may be.

    Args:
        name: Its name.
    """
    path = PurePath(name.lower())
    if path.suffix in _BINARY:
        return "binary"
    if may_hold_secret(path.name):
        return "may hold a secret"
    if path.name in _GENERATED_NAMES or path.name.endswith(_GENERATED_ENDINGS):
        return "generated"
    return ""


def may_hold_secret(name: str, head: bytes = b"") -> bool:
    """Whether a file is there to hold a password or a key: by its name, or because it begins as a private key does.

    Args:
        name: Its name.
        head: Its first bytes.
    """
    path = PurePath(name.lower())
    return path.suffix in _SECRET or bool(_SECRET_NAME.fullmatch(path.name)) or bool(_PRIVATE_KEY.match(head))


def _is_text(head: bytes) -> bool:
    if head[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return True
    try:
        # A character may be cut at the end of the head.
        return "\0" not in codecs.getincrementaldecoder("utf-8")().decode(head, final=False)
    except UnicodeDecodeError:
        return False
