"""A worker's end of the socket: one thread owns it, answers pings, and notes cancellations.

    main thread ── outbox (bounded) ──> link thread ── DEALER ──> orchestrator
         ^ <────── inbox ───────────────     │
         ├── cancelled(task, attempt) <──────┤  Ping is answered here, while engines work
         └── feeds, of live inputs <─────────┘

A pong only proves that this thread runs. What the main thread is at, and whether it moves, are
`phase` and `beats`; the orchestrator judges those.
"""

from __future__ import annotations

import contextlib
import queue
import signal
import socket
import threading
from collections import OrderedDict

import zmq

from shared_schema import codec, limits
from shared_schema.errors import ProtocolError
from shared_schema.feeds import Feeds
from shared_schema.messages import Cancel, Chunk, Message, Ping, Pong, Run, Shutdown

__all__ = ["Link"]

Inbound = Message | ProtocolError
REMEMBERED_ATTEMPTS = 256


class Link:
    """Connects on construction; `send` may be called from any thread, `receive` from the main one."""

    def __init__(self, endpoint: str, identity: bytes) -> None:
        self.phase = "starting"
        self.beats = 0
        self.feeds = Feeds()
        """The live inputs of what it was given to do."""
        self._inbox: queue.SimpleQueue[Inbound] = queue.SimpleQueue()
        self._outbox: queue.Queue[list[bytes]] = queue.Queue(limits.HIGH_WATER_MARK)
        self._cancellations: OrderedDict[tuple[str, int], threading.Event] = OrderedDict()
        self._lock = threading.Lock()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)
        self._closing = threading.Event()
        self.terminated = False
        """Whether the signal of `end_on` has come."""
        self._ending: signal.Signals | None = None
        self._context = zmq.Context()
        self._thread = threading.Thread(
            target=self._serve, args=(endpoint, identity), name="link", daemon=True
        )
        self._thread.start()

    def send(self, message: Message, *bulk: bytes) -> None:
        """Queue a message; waits while the orchestrator is behind by a full queue."""
        self._outbox.put(codec.encode(message, *bulk))
        self._wake()

    def receive(self) -> Message:
        """The next message that is the main thread's business; ProtocolError for bytes that are none."""
        item = self._inbox.get()
        if isinstance(item, ProtocolError):
            raise item
        return item

    def beat(self, phase: str) -> None:
        """Note a sign of progress."""
        self.phase = phase
        self.beats += 1

    def cancellation(self, task_id: str, attempt: int) -> threading.Event:
        """The event that is set once this attempt is cancelled, be it before or after this call."""
        with self._lock:
            event = self._cancellations.setdefault((task_id, attempt), threading.Event())
            if self.terminated:
                event.set()
            while len(self._cancellations) > REMEMBERED_ATTEMPTS:
                self._cancellations.popitem(last=False)
            return event

    def end_on(self, number: signal.Signals) -> None:
        """Have a signal cancel every task, and let `receive` give a Shutdown. Call it in the main thread.

        The kernel may interrupt any thread, and the main one may sit in native code; so the number goes
        through the descriptor on which our own thread waits, and the handler only has to be there.
        """
        self._ending = number
        signal.set_wakeup_fd(self._wake_writer.fileno(), warn_on_full_buffer=False)
        signal.signal(number, lambda _number, _frame: None)

    def close(self) -> None:
        """Send what is queued, then close the socket. A signal of `end_on` is ignored from now on."""
        if self._ending:
            signal.signal(self._ending, signal.SIG_IGN)
            signal.set_wakeup_fd(-1)
        self._closing.set()
        self._wake()
        self._thread.join()
        self._context.term()
        self._wake_reader.close()
        self._wake_writer.close()

    def _serve(self, endpoint: str, identity: bytes) -> None:
        dealer = self._context.socket(zmq.DEALER)
        dealer.setsockopt(zmq.IDENTITY, identity)
        dealer.setsockopt(zmq.SNDHWM, limits.HIGH_WATER_MARK)
        dealer.setsockopt(zmq.RCVHWM, limits.HIGH_WATER_MARK)
        dealer.setsockopt(zmq.MAXMSGSIZE, limits.MAX_BULK_BYTES)
        dealer.setsockopt(zmq.LINGER, 2000)
        dealer.connect(endpoint)
        poller = zmq.Poller()
        poller.register(dealer, zmq.POLLIN)
        poller.register(self._wake_reader, zmq.POLLIN)
        while True:
            ready = dict(poller.poll())
            if dealer in ready:
                self._take(dealer)
            if self._wake_reader.fileno() in ready:
                woken_by = self._wake_reader.recv(4096)
                if self._ending is not None and self._ending in woken_by:
                    self._end_tasks()
                self._flush(dealer)
                if self._closing.is_set():
                    break
        dealer.close()

    def _wake(self) -> None:
        """Have our thread look. What is still unread in a full buffer wakes it as well."""
        with contextlib.suppress(BlockingIOError):
            self._wake_writer.send(b"\0")

    def _end_tasks(self) -> None:
        with self._lock:
            self.terminated = True
            for event in self._cancellations.values():
                event.set()
        self._inbox.put(Shutdown())

    def _flush(self, dealer: zmq.Socket[bytes]) -> None:
        while True:
            try:
                frames = self._outbox.get_nowait()
            except queue.Empty:
                return
            dealer.send_multipart(frames)

    def _take(self, dealer: zmq.Socket[bytes]) -> None:
        try:
            message, bulk = codec.decode(dealer.recv_multipart())
        except ProtocolError as error:
            self._inbox.put(error)
            return
        if isinstance(message, Ping):
            dealer.send_multipart(codec.encode(Pong(message.sequence, self.phase, self.beats)))
        elif isinstance(message, Cancel):
            self.cancellation(message.task_id, message.attempt).set()
        elif isinstance(message, Chunk):
            self.feeds.take(message, bulk[0] if bulk else b"")
        else:
            if isinstance(message, Run):
                self.feeds.open(message.task)
            self._inbox.put(message)
