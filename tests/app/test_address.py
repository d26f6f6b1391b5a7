"""The store's address: what is taken, what is refused, and what becomes of it."""

import pytest
import redis
from pydantic import ValidationError

from app.address import client
from app.settings import Settings


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "redis://u:p%40ss@store:6380/3",
            {"host": "store", "port": 6380, "db": 3, "username": "u", "password": "p@ss"},
        ),
        ("unix:///run/store.sock", {"path": "/run/store.sock"}),
        ("rediss://store/0?ssl_ca_certs=/ca.pem", {"host": "store", "ssl_ca_certs": "/ca.pem"}),
    ],
)
def test_one_server(url: str, expected: dict[str, object]) -> None:
    """As redis-py reads it, with our options."""
    made = client(url, socket_timeout=2.5)
    options = made.connection_pool.connection_kwargs
    assert {name: options[name] for name in expected} == expected
    assert options["socket_timeout"] == 2.5
    if url.startswith("rediss"):
        assert made.connection_pool.connection_class is redis.SSLConnection


def test_a_primary_that_sentinels_name() -> None:
    """Hosts with and without port, IPv6 too; the store's password is not the Sentinels'."""
    url = "rediss+sentinel://:secret@one,[::1]:26380,three:1/main/2?ssl_ca_certs=/ca.pem&sentinel_password=other"
    made = client(url, socket_timeout=9, socket_connect_timeout=1)
    pool = made.connection_pool
    hosts = [
        (s.connection_pool.connection_kwargs["host"], s.connection_pool.connection_kwargs["port"])
        for s in pool.sentinel_manager.sentinels
    ]
    assert hosts == [("one", 26379), ("::1", 26380), ("three", 1)]
    assert pool.service_name == "main"
    options = pool.connection_kwargs
    assert (options["db"], options["password"], options["ssl_ca_certs"]) == (2, "secret", "/ca.pem")
    watching = pool.sentinel_manager.sentinels[0].connection_pool
    assert watching.connection_class is redis.SSLConnection
    assert watching.connection_kwargs["password"] == "other"
    assert watching.connection_kwargs["socket_timeout"] == 1  # Not nine.


@pytest.mark.parametrize(
    "url",
    [
        "http://store", "store:6379", "redis+sentinel://one:26379", "redis+sentinel:///main", "redis+sentinel://a:b:c/main",
        "redis+sentinel://one/main/x", "redis+sentinel://one/main?ssl_ca_certs=/ca.pem", "redis+sentinel://one/main?what=1",
        "redis+sentinel://one:26379,,two/main", "redis://store/0?socket_timeout=soon",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_at_the_start(url: str) -> None:
    """Not at the first request; and without repeating it, since it may hold a password."""
    with pytest.raises(ValidationError, match="not an address of a store") as caught:
        Settings(redis_url=url)
    assert url not in "".join(entry["msg"] for entry in caught.value.errors())
