"""The files of local models: which are known, which are here, which one is used."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..settings import Settings

if TYPE_CHECKING:
    from ..llm.download.download import Downloaded
    from ..llm.known_models import KnownModel
    from ..llm.sharing.meeting_point import MeetingPoint

HUB = "https://huggingface.co"
TOKEN_VARIABLE = "HF_TOKEN"  # noqa: S105 - the variable's name, not a token
HUB_VARIABLE = "HF_ENDPOINT"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A GGUF file.

    Attributes:
        name: That it is known by; else the file's name without its ending.
        bytes: Its length; about so, if it is not here.
        here: Whether it is here.
        used: Whether it is the local model.
        prefill_per_second: Prompt tokens read a second on this machine; None if it was not used yet.
        decode_per_second: Tokens written a second on this machine; None if it was not used yet.
    """

    name: str
    path: Path
    bytes: int
    here: bool
    used: bool
    prefill_per_second: float | None = None
    decode_per_second: float | None = None


class ModelFiles:
    """The folder of model files.

    Args:
        settings: Say where it is, and which file is used.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.folder = settings.models_folder

    @property
    def chosen(self) -> Path | None:
        """The file of the local model: the configured one, or the best that was pulled and writes fast enough.

        None where neither is there. A file that is configured need not be there.
        """
        local = self._settings.llm.local
        if local.path:
            return Path(local.path).expanduser().absolute()
        if local.url:
            return None
        if local.model:
            return self.path_of(local.model)
        from ..llm.known_models import KNOWN_MODELS, SLOW_TOKENS_PER_SECOND

        here = [path for model in KNOWN_MODELS if (path := self.folder / model.file).is_file()]
        fast = (path for path in here if (self._speed(path)[1] or SLOW_TOKENS_PER_SECOND) >= SLOW_TOKENS_PER_SECOND)
        return next(fast, here[-1] if here else None)

    def meeting_point(self, path: Path) -> MeetingPoint:
        """Where the processes meet that share a file."""
        from ..llm.sharing.meeting_point import MeetingPoint

        return MeetingPoint(self._settings.data / "run", f"{path}\0{self._settings.llm.local.context_tokens}")

    def path_of(self, name: str) -> Path:
        """Where a model is, or would be.

        Args:
            name: Of a known model, or of a file in the folder.
        """
        from ..llm.known_models import KNOWN_MODELS

        known = {model.name: model.file for model in KNOWN_MODELS}
        file = known.get(name, name if name.endswith(".gguf") else f"{name}.gguf")
        if Path(file).name != file:
            raise UsageError(f"{name!r} is no name of a model", "for a file elsewhere set llm.local.path")
        return self.folder / file

    def all(self) -> list[ModelFile]:
        """Every known model, and every other file in the folder or configured."""
        from ..llm.known_models import KNOWN_MODELS

        chosen = self.chosen
        others = set(self.folder.glob("*.gguf")) | ({chosen} if chosen else set())
        rows = []
        for model in KNOWN_MODELS:
            path = self.folder / model.file
            others.discard(path)
            rows.append(self._row(model.name, path, model.bytes, chosen))
        return [*rows, *(self._row(path.stem, path, 0, chosen) for path in sorted(others))]

    def advice(self, used: Path) -> str:
        """What to do about a local model that was measured to write too slowly here; empty if nothing."""
        from ..llm.known_models import KNOWN_MODELS, SLOW_TOKENS_PER_SECOND

        _, speed = self._speed(used)
        if speed is None or speed >= SLOW_TOKENS_PER_SECOND:
            return ""
        problem = f"{used.stem} writes {speed:.1f} tokens/s here, less than {SLOW_TOKENS_PER_SECOND:g}"
        size = used.stat().st_size
        for model in KNOWN_MODELS:  # each token takes one look at every weight
            if model.bytes < size and speed * size / model.bytes >= SLOW_TOKENS_PER_SECOND:
                return f"{problem}; {model.name} would be fast enough: mcp-stack models pull {model.name}"
        return f"{problem}; no known model would be fast enough: llm.local.url may name an endpoint elsewhere"

    def suitable(self) -> tuple[KnownModel, str]:
        """The known model that suits this machine, and why."""
        from ..llm.known_models import suitable
        from ..llm.machine import this_machine

        return suitable(this_machine())

    def pull(
        self, name: str, url: str, sha256: str, progress: Callable[[int, int], None], *, again: bool = False
    ) -> Downloaded | None:
        """Download a model.

        Args:
            name: Of a known model; or what to call the file at `url`.
            url: Another address; empty for the hub.
            sha256: What its checksum must be; empty for what the server tells.
            progress: Told the bytes that are here, and all of them, 0 if unknown.
            again: Also if it is here.

        Returns:
            None if it is here already.

        Raises:
            UsageError: The name or the address is not acceptable.
            StackError: See `download`.
        """
        from ..llm.download.download import download
        from ..llm.download.source import Source
        from ..llm.known_models import KNOWN_MODELS

        target = self.path_of(name)
        if url:
            source = Source(url)
        elif found := next((model for model in KNOWN_MODELS if model.name == name), None):
            hub = os.environ.get(HUB_VARIABLE, "").rstrip("/") or HUB
            address = f"{hub}/{found.repository}/resolve/main/{found.file}"
            source = Source(address, os.environ.get(TOKEN_VARIABLE, ""))
        else:
            names = ", ".join(model.name for model in KNOWN_MODELS)
            raise UsageError(f"no model is called {name!r} (known: {names})", "give its address with --url")
        if target.is_file() and not again:
            return None
        return download(source, target, sha256=sha256, checksum_needed=not url, progress=progress)

    def _row(self, name: str, path: Path, about: int, chosen: Path | None) -> ModelFile:
        here = path.is_file()
        return ModelFile(name, path, path.stat().st_size if here else about, here, path == chosen, *self._speed(path))

    def _speed(self, path: Path) -> tuple[float | None, float | None]:
        """Prefill and decoding speed as last measured on this machine."""
        from ..llm.sharing.speed_note import read_speed

        return read_speed(self.meeting_point(path).speed_file)
