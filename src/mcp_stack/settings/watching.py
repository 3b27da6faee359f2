"""Settings that change while a process lives."""

from __future__ import annotations

from pathlib import Path

from ..errors import UsageError
from .loading import LoadedSettings, load_settings


class SettingsWatch:
    """Tells whether settings are no longer what a process loaded.

    Args:
        loaded: What it loaded.
    """

    def __init__(self, loaded: LoadedSettings) -> None:
        self._loaded = loaded
        folders = (loaded.config_folder, Path.cwd())
        self._files = [folder / name for folder in folders for name in ("config.yaml", "ralph.yaml", ".env")]
        self._stamps = self._look()
        self._changed = False

    def changed(self) -> bool:
        """Whether other settings would be loaded now. Cheap: files are read only when they were written to.

        Settings that are wrong do not count: somebody is at work on them.
        """
        if (stamps := self._look()) != self._stamps:
            self._stamps = stamps
            try:
                self._changed = load_settings(self._loaded.environ).settings != self._loaded.settings
            except UsageError:
                self._changed = False
        return self._changed

    def _look(self) -> list[tuple[int, int] | None]:
        return [_stamp(file) for file in self._files]


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
