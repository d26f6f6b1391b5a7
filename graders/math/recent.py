"""A bounded memory of what was used lately, in two generations and without a lock.

Entries go into the young generation; when that is full it becomes the old one, and the old one is forgotten. An entry
found in the old generation moves to the young one. So what was used within the last half of the bound is always here,
and a look costs one dictionary access. Two threads that meet in the middle of it may decide something twice or forget
a generation early; they never see half an entry.
"""

from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """Up to `size_max` values by key, the ones used last.

    Args:
        size_max: entries, an even number.
    """

    __slots__ = ("_half", "_old", "_young")

    def __init__(self, size_max: int) -> None:
        self._half = size_max // 2
        self._young: dict[Key, Value] = {}
        self._old: dict[Key, Value] = {}

    def get(self, key: Key) -> Value | None:
        """The value, or None when it is not remembered."""
        found = self._young.get(key)
        if found is None and self._old:
            found = self._old.get(key)
            if found is not None:
                self.put(key, found)
        return found

    def put(self, key: Key, value: Value) -> None:
        """Remember a value, which is not None."""
        if len(self._young) >= self._half and key not in self._young:
            self._old, self._young = self._young, {}
        self._young[key] = value

    def __len__(self) -> int:
        return len(self._young) + sum(1 for key in list(self._old) if key not in self._young)
