"""Telemetry is one JSON object a line, whoever writes."""

from __future__ import annotations

import gzip
import json
import logging
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mcp_stack.telemetry import rotation
from mcp_stack.telemetry.events import MAX_EVENT_BYTES, JsonlEvents


def lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_every_event_has_an_id_a_time_in_utc_its_server_and_a_trace(tmp_path: Path) -> None:
    events = JsonlEvents(tmp_path / "telemetry" / "aidb-events.jsonl", "aidb")
    events.record("query", query="why?", context_size=2, result={"route": "local"})
    events.record("query", trace_id="abc", query="how?")
    first, second = lines(tmp_path / "telemetry" / "aidb-events.jsonl")
    assert first["event_type"] == "query"
    assert first["server"] == "aidb"
    assert first["result"] == {"route": "local"}
    assert first["event_id"] != second["event_id"]
    assert first["trace_id"]
    assert second["trace_id"] == "abc"
    assert datetime.fromisoformat(str(first["timestamp"])).utcoffset() is not None


def test_lines_of_several_processes_never_mix(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from mcp_stack.telemetry.events import JsonlEvents\n"
        "events = JsonlEvents(Path(sys.argv[1]) / 'hybrid-events.jsonl', 'hybrid')\n"
        "for n in range(300): events.record('query', writer=sys.argv[2], n=n, text='x' * (n * 13 % 3000))\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path), str(n)]) for n in range(4)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0]
    found = {(event["writer"], event["n"]) for event in lines(tmp_path / "hybrid-events.jsonl")}
    assert found == {(str(writer), n) for writer in range(4) for n in range(300)}


def test_a_file_that_was_rotated_away_is_opened_anew(tmp_path: Path) -> None:
    events = JsonlEvents(tmp_path / "aidb-events.jsonl", "aidb")
    events.record("query", n=1)
    (tmp_path / "aidb-events.jsonl").rename(tmp_path / "aidb-events-2026-10.jsonl")
    events.record("query", n=2)
    assert [event["n"] for event in lines(tmp_path / "aidb-events.jsonl")] == [2]


def test_each_month_has_its_file_and_old_ones_are_compressed(tmp_path: Path) -> None:
    file = tmp_path / "aidb-events.jsonl"
    now = [datetime(2026, 10, 31, 23, 59, tzinfo=UTC).timestamp()]
    events = JsonlEvents(file, "aidb", clock=lambda: now[0])
    events.record("query", n=1)
    os.utime(file, (now[0], now[0]))
    now[0] += 120
    events.record("query", n=2)
    assert [event["n"] for event in lines(tmp_path / "aidb-events-2026-10.jsonl")] == [1]
    assert [event["n"] for event in lines(file)] == [2]


def test_a_file_put_aside_is_compressed_once_nobody_writes_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "SECONDS_UNTIL_NOBODY_WRITES", -1.0)
    (tmp_path / "aidb-events-2026-09.jsonl").write_text('{"n": 1}\n')
    (tmp_path / "other-events-2026-09.jsonl").write_text("not ours\n")
    JsonlEvents(tmp_path / "aidb-events.jsonl", "aidb").record("query")
    assert gzip.decompress((tmp_path / "aidb-events-2026-09.jsonl.gz").read_bytes()) == b'{"n": 1}\n'
    assert not (tmp_path / "aidb-events-2026-09.jsonl").exists()
    assert (tmp_path / "other-events-2026-09.jsonl").exists()


def test_an_event_that_is_too_large_is_cut_not_lost(tmp_path: Path) -> None:
    events = JsonlEvents(tmp_path / "aidb-events.jsonl", "aidb")
    events.record("query", query="long " * 10_000)
    events.record("query", **{f"field{n}": "y" * 4000 for n in range(40)})
    cut, dropped = lines(tmp_path / "aidb-events.jsonl")
    assert 0 < len(str(cut["query"])) < 5000
    assert isinstance(dropped["dropped_bytes"], int)
    assert dropped["dropped_bytes"] > MAX_EVENT_BYTES


def test_a_folder_that_cannot_be_written_is_said_once_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "telemetry").write_text("a file, not a folder")
    events = JsonlEvents(tmp_path / "telemetry" / "aidb-events.jsonl", "aidb")
    with caplog.at_level(logging.WARNING):
        events.record("query")
        events.record("query")
    assert len([record for record in caplog.records if "not recorded" in record.message]) == 1


def test_nothing_is_written_when_telemetry_is_off(tmp_path: Path) -> None:
    JsonlEvents(tmp_path / "aidb-events.jsonl", "aidb", enabled=False).record("query")
    assert not list(tmp_path.iterdir())
