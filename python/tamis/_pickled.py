"""How validators are pickled: by their attributes, without what is made of these."""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = ["Pickled"]


class Pickled:
    """An object that is pickled by its attributes, but for those that it can make again.

    Subclasses of users stay what they are, with the attributes that they add, whatever their ``__init__`` takes.
    """

    #: Attributes that stay behind: compiled rules, locks, counts of this very object.
    _made: ClassVar[frozenset[str]]

    def _make(self) -> None:
        """Sets the attributes in ``_made`` from the others, in ``__init__`` and where the object is unpickled."""
        raise NotImplementedError

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in self._made}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._make()
