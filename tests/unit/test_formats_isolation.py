"""Hostile files are read in another process, bounded in time and memory, and the next file is read all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from mcp_stack.aidb.knowledge.formats.isolation import IsolatedReader
from mcp_stack.aidb.knowledge.formats.reading import Source
from mcp_stack.errors import UsageError
from tests.support.pdf import pdf_of

SLOW_PAGE = b"<table><tr><td>x</table><ul><li>y</ul>" * 60_000


@pytest.fixture
async def reader() -> AsyncIterator[IsolatedReader]:
    async with IsolatedReader(seconds=1.0) as opened:
        yield opened


def children() -> list[psutil.Process]:
    return [
        each for each in psutil.Process().children() if any("formats.child" in word for word in each.cmdline() or [""])
    ]


async def test_documents_come_back_as_they_were_read(reader: IsolatedReader) -> None:
    (found,) = await reader.read(Source("paper.pdf"), pdf_of(["Grüße"], title="A paper"))
    assert (found.title, found.chunks[0].heading, found.chunks[0].content) == ("A paper", "page 1", "Grüße")


async def test_a_file_that_takes_too_long_is_given_up_and_the_next_one_is_read(reader: IsolatedReader) -> None:
    with pytest.raises(UsageError, match=r"slow\.html takes more than 1 s"):
        await reader.read(Source("slow.html"), SLOW_PAGE)
    assert (await reader.read(Source("a.html"), b"<p>words"))[0].content == "words"


async def test_a_file_that_needs_too_much_memory_is_given_up(reader: IsolatedReader) -> None:
    # A flate stream of zeros grows a thousandfold when it is read.
    bomb = _pdf_bomb(500_000_000)
    with pytest.raises(UsageError, match=r"bomb\.pdf"):
        await reader.read(Source("bomb.pdf"), bomb)
    assert (await reader.read(Source("a.html"), b"<p>words"))[0].content == "words"


async def test_a_reader_that_is_killed_is_started_again(reader: IsolatedReader) -> None:
    await reader.read(Source("a.html"), b"<p>words")
    (child,) = children()
    child.kill()
    with pytest.raises(UsageError, match=r"b\.html"):
        await reader.read(Source("b.html"), b"<p>words")
    assert (await reader.read(Source("c.html"), b"<p>words"))[0].content == "words"


async def test_a_caller_who_goes_away_leaves_no_reply_for_the_next_one(reader: IsolatedReader) -> None:
    reading = asyncio.create_task(reader.read(Source("slow.html"), SLOW_PAGE))
    await asyncio.sleep(0)
    while not children():
        await asyncio.sleep(0.01)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert (await reader.read(Source("a.html"), b"<p>words"))[0].content == "words"


async def test_the_process_ends_with_its_reader() -> None:
    async with IsolatedReader() as reader:
        await reader.read(Source("a.html"), b"<p>words")
        assert len(children()) == 1
    assert children() == []


async def test_the_patterns_of_an_ignore_file_cannot_stall_an_import(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*a" * 30 + "b\n")
    (tmp_path / ("a" * 200)).write_text("words")
    async with IsolatedReader(folder_seconds=1.0) as reader:
        with pytest.raises(UsageError, match="takes more than 1 s"):
            await reader.walk(tmp_path, [tmp_path])
        assert (await reader.read(Source("a.html"), b"<p>words"))[0].content == "words"


def _pdf_bomb(size: int) -> bytes:
    import zlib

    compressor = zlib.compressobj(9)
    block = b"\0" * 10_000_000
    stream = b"".join(compressor.compress(block) for _ in range(size // len(block))) + compressor.flush()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>",
        b"<< /Filter /FlateDecode /Length %d >>\nstream\n" % len(stream) + stream + b"\nendstream",
    ]
    body = b"%PDF-1.4\n"
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % len(body)
    return body + b"xref\n0 5\n0000000000 65535 f \n" + table + trailer
