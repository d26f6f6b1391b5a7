"""uvicorn's server, but for its end: whoever came before the door was shut is heard.

uvicorn closes its listening socket with connections still waiting to be accepted, and closes accepted ones whose
request it has not read; the kernel resets both, which a balancer's callers see as failed requests. Here those at the
door are let in before it is shut, and all have a moment to say what they want.

Not covered: whoever comes in the microseconds between the last look and the shutting, and connections that were kept
alive and are idle. Which of them is about to be used nobody can know; HTTP asks its clients to try again then.
"""

import asyncio
import contextlib
import os
import socket
import sys

import uvicorn

LAST_WORD_S = 0.25
"""Seconds between the door's being shut and the first connection's being closed for having asked nothing."""


class Server(uvicorn.Server):
    """See the module."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's; called once, when it was asked to stop."""
        loop = asyncio.get_running_loop()
        # Nothing is waited for between the look and the shutting: others would come in that time.
        waiting = self._at_the_door()
        for server in self.servers:
            server.close()
        for connection in waiting:
            with contextlib.suppress(OSError):  # Who went away meanwhile.
                await loop.connect_accepted_socket(self._protocol, connection)
        await asyncio.sleep(LAST_WORD_S)
        await super().shutdown(sockets)

    def _at_the_door(self) -> list[socket.socket]:
        """Connections that the kernel has made and nobody accepted yet."""
        found: list[socket.socket] = []
        for server in self.servers:
            for listening in server.sockets:
                # The event loop's own object can do nothing but name its descriptor.
                with socket.socket(fileno=os.dup(listening.fileno())) as door:
                    door.setblocking(False)
                    while True:
                        try:
                            connection, _ = door.accept()
                        except OSError:  # Nobody else, or they went away again.
                            break
                        connection.setblocking(False)
                        found.append(connection)
        return found

    def _protocol(self) -> asyncio.Protocol:
        made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made


def serve(config: uvicorn.Config) -> None:
    """Serve until asked to stop by a signal. Exits the process with status 3 if it cannot begin."""
    server = Server(config)
    server.run()
    if not server.started:
        sys.exit(3)
