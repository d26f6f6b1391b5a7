"""The store's address to a client of it: one server, over TLS or not, or a primary that Sentinels name.

    redis://[[user]:password@]host[:port][/db]          rediss:// the same over TLS
    unix:///path/to/socket
    redis+sentinel://[[user]:password@]host[:port][,host[:port]…]/name[/db]     rediss+sentinel:// the same over TLS

Options follow as a query, as redis-py has them (`?ssl_ca_certs=/etc/ssl/ca.pem`); user and password are the store's,
`sentinel_username` and `sentinel_password` the Sentinels' own.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import redis
import redis.asyncio
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.sentinel import Sentinel

SENTINEL_PORT = 26_379


@dataclass(frozen=True, slots=True)
class _Watched:
    """A primary that Sentinels name."""

    sentinels: list[tuple[str, int]]
    name: str
    options: dict[str, Any]  # Of connections to the store.
    sentinel_options: dict[str, Any]


def client(url: str, **options: Any) -> redis.Redis:
    """A client of the store.

    Args: options: redis-py's, for example socket_timeout.
    Raises: ValueError if the address is none.
    """
    watched = _watched(url)
    if watched is None:
        return redis.Redis.from_url(url, **options)
    kwargs = _patience(options) | watched.sentinel_options
    sentinels: Any = Sentinel(watched.sentinels, sentinel_kwargs=kwargs)  # type: ignore[no-untyped-call]
    made: redis.Redis = sentinels.master_for(watched.name, **options, **watched.options)
    return made


def async_client(url: str, **options: Any) -> "redis.asyncio.Redis":
    """The same for an event loop."""
    watched = _watched(url)
    if watched is None:
        return redis.asyncio.Redis.from_url(url, **options)
    kwargs = _patience(options) | watched.sentinel_options
    sentinels: Any = AsyncSentinel(watched.sentinels, sentinel_kwargs=kwargs)  # type: ignore[no-untyped-call]
    made: redis.asyncio.Redis = sentinels.master_for(watched.name, **options, **watched.options)
    return made


def check(url: str) -> None:
    """Raises: ValueError if the address is none, in words that do not repeat it: it may hold a password."""
    try:
        client(url).close()
    except (ValueError, TypeError) as error:
        words = "redis://, rediss://, unix://, redis+sentinel:// or rediss+sentinel://"
        raise ValueError(f"not an address of a store: {words}") from error


def _patience(options: dict[str, Any]) -> dict[str, Any]:
    """A Sentinel that is silent must not be waited for longer than the store, nor for ever where that is."""
    limit = options.get("socket_connect_timeout")
    return {"socket_timeout": limit, "socket_connect_timeout": limit}


def _watched(url: str) -> _Watched | None:
    parts = urlsplit(url)
    if parts.scheme not in {"redis+sentinel", "rediss+sentinel"}:
        return None
    login, _, hosts = parts.netloc.rpartition("@")
    name, _, database = parts.path.strip("/").partition("/")
    sentinels = [_host(text) for text in hosts.split(",")]
    if not name or not all(host for host, _ in sentinels):
        raise ValueError("a Sentinel address needs hosts and the primary's name")
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    tls = parts.scheme.startswith("rediss")
    shared: dict[str, Any] = {"ssl": True} if tls else {}
    shared |= {key: value for key, value in query.items() if key.startswith("ssl_")}
    own = {"username": query.get("sentinel_username"), "password": query.get("sentinel_password")}
    unknown = set(query) - {"sentinel_username", "sentinel_password"} - set(shared)
    if unknown or (not tls and any(key.startswith("ssl_") for key in query)):
        raise ValueError("a Sentinel address takes ssl_… over TLS, sentinel_username and sentinel_password")
    user, _, password = login.partition(":")
    options = shared | {"db": int(database or 0), "username": unquote(user) or None}
    options["password"] = unquote(password) or None
    return _Watched(sentinels, unquote(name), options, shared | own)


def _host(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, str(SENTINEL_PORT)
    return host.strip("[]"), int(port)
