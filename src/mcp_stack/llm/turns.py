"""Who is next, when several clients want one model."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Waiting requests: clients take turns, and the requests of one client keep their order.

    A client with sixty requests delays one with a single request by one request, not by sixty. Not thread-safe.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, deque[T]] = OrderedDict()

    def __len__(self) -> int:
        return sum(len(requests) for requests in self._waiting.values())

    def add(self, client: str, request: T) -> None:
        """Let a request wait behind those of its client."""
        self._waiting.setdefault(client, deque()).append(request)

    def next(self) -> T:
        """Take the first request of the client whose turn it is.

        Raises:
            LookupError: Nobody waits.
        """
        client, requests = next(iter(self._waiting.items()), ("", deque[T]()))
        if not requests:
            raise LookupError("nobody waits")
        request = requests.popleft()
        if requests:
            self._waiting.move_to_end(client)
        else:
            del self._waiting[client]
        return request

    def remove(self, client: str, request: T) -> None:
        """Let a request wait no longer; nothing happens if it does not."""
        requests = self._waiting.get(client, deque[T]())
        if request in requests:
            requests.remove(request)
            if not requests:
                del self._waiting[client]
