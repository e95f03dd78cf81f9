"""Registries that other distributions can add to: of defences, attacks, source formats and endpoints."""

import importlib
import importlib.metadata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Generic, TypeVar

from dynanoise_export.errors import UsageError

T = TypeVar("T")


class Registry(Generic[T]):
    """Objects by name: built in, from the entry points of installed distributions, or registered by a program.

    Nothing is imported before `get` or `all` needs it.

    Args:
        kind: what is registered, in the singular, for messages.
        group: the entry-point group through which other distributions add theirs.
        built_in: where each object is, as name to "package.module:attribute".
    """

    def __init__(self, kind: str, group: str, built_in: Mapping[str, str]) -> None:
        self.kind, self.group = kind, group
        self._built_in = dict(built_in)
        self._registered: dict[str, T] = {}
        self._loaded: dict[str, T] = {}

    def names(self) -> list[str]:
        """List the names: built in first, in their order, then those of other distributions and of programs."""
        return list(dict.fromkeys([*self._built_in, *self._entry_points(), *self._registered]))

    def get(self, name: str) -> T:
        """Find an object by its name.

        Raises:
            UsageError: there is no such object, or the distribution that adds it can't be imported.
        """
        if name in self._registered:
            return self._registered[name]
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def all(self) -> Iterator[tuple[str, T]]:
        """Iterate over all names and objects, importing each."""
        return ((name, self.get(name)) for name in self.names())

    @contextmanager
    def registered(self, name: str, item: T) -> Iterator[None]:
        """Register an object until the block ends; it replaces another one of the same name."""
        before = dict(self._registered)
        self._registered[name] = item
        try:
            yield
        finally:
            self._registered = before

    def _load(self, name: str) -> T:
        if name in self._built_in:
            module, _, attribute = self._built_in[name].partition(":")
            item: T = getattr(importlib.import_module(module), attribute)
            return item
        entry = self._entry_points().get(name)
        if entry is None:
            raise UsageError(f"Unknown {self.kind} {name!r}; choose one of {', '.join(self.names())}.")
        try:
            found: T = entry.load()
        except Exception as error:  # another distribution's own code
            raise UsageError(f"The {self.kind} {name!r} can't be loaded from {entry.value}: {error}") from error
        return found

    def _entry_points(self) -> dict[str, importlib.metadata.EntryPoint]:
        return {entry.name: entry for entry in importlib.metadata.entry_points(group=self.group)}
