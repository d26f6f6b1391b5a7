"""The bounded memory of references and pairs."""

from graders.math.recent import Recent


def test_the_last_half_is_always_remembered():
    """However many entries went in, the last half of the bound is there, and never more than the bound."""
    memory: Recent[int, str] = Recent(10)
    for n in range(100):
        memory.put(n, str(n))
        assert len(memory) <= 10
        assert all(memory.get(m) == str(m) for m in range(max(0, n - 4), n + 1))
    assert memory.get(0) is None


def test_what_is_used_stays():
    """An entry that is asked for again and again outlives hundreds that are not."""
    memory: Recent[str, int] = Recent(10)
    memory.put("often", 1)
    for n in range(300):
        memory.put(str(n), n)
        if n % 4 == 0:
            assert memory.get("often") == 1


def test_an_entry_can_be_replaced():
    """The last value put counts, also when the first one is in the old generation."""
    memory: Recent[str, int] = Recent(4)
    memory.put("a", 1)
    for name in "bcd":
        memory.put(name, 0)
    memory.put("a", 2)
    assert memory.get("a") == 2
