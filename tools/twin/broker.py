"""An MQTT broker inside this process: amqtt in a thread, on a free loopback port."""

import asyncio
import logging
import socket
import threading

from tools import patience

_CONFIG = {
    "listeners": {"default": {"type": "tcp", "max_connections": 50}},
    "plugins": {
        "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True},
    },
}
_SHUTDOWN_S = 3


class EmbeddedBroker:
    """`start()` returns when the broker listens; `port` is then known. `stop()` ends it.

    `taken(topic, payload)` is called for each message the broker has taken. `certificate`: (chain, key), PEM files:
    with TLS on the port `secure` as well.
    """

    def __init__(self, port=0, taken=None, certificate=None):
        self.port = port
        self.secure = 0
        self._certificate = certificate
        self._taken = taken
        self._ready = threading.Event()
        self._error = None
        self._loop = None
        self._thread = threading.Thread(target=self._main, name="broker", daemon=True)

    @property
    def url(self):
        return "tcp://127.0.0.1:%d" % self.port

    def start(self):
        self._thread.start()
        if not patience.until(self._ready.is_set, 15) or self._error:
            raise RuntimeError("the embedded broker did not start: %s" % (self._error or "no answer"))
        return self

    def stop(self):
        if self._loop and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(10)

    def _main(self):
        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001  whatever it is, the starter must hear of it
            self._error = error
        self._ready.set()

    async def _serve(self):
        from amqtt.broker import Broker

        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        config = dict(_CONFIG)
        listener = dict(config["listeners"]["default"], bind="127.0.0.1:%d" % self.port)
        config["listeners"] = {"default": listener}
        if self._certificate:
            with socket.socket() as one:
                one.bind(("127.0.0.1", 0))
                self.secure = one.getsockname()[1]
            chain, key = self._certificate
            config["listeners"]["tls"] = dict(
                listener, bind="127.0.0.1:%d" % self.secure, ssl=True, certfile=str(chain), keyfile=str(key)
            )
        broker = Broker(config)
        self._listen_in(broker)
        await broker.start()
        server = broker._servers["default"].instance
        self.port = next(iter(server.sockets)).getsockname()[1]
        self._ready.set()
        await self._end.wait()
        # Under load amqtt's own shutdown may wait for messages nobody takes any more: the port is free all the same.
        server.close()
        try:
            await asyncio.wait_for(broker.shutdown(), _SHUTDOWN_S)
        except asyncio.TimeoutError:
            return

    def _listen_in(self, broker):
        hand_out = broker._broadcast_message

        async def take(session, topic, data, *more):
            if self._taken:
                self._taken(topic, bytes(data))
            await hand_out(session, topic, data, *more)

        broker._broadcast_message = take
