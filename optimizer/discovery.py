"""Finds the kinds of components: every concrete class with a ``kind`` in the four component packages.

A new kind is one new file; nothing else is edited. Packages outside this project add theirs through the entry-point
group ``optimizer.kinds``.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Annotated, Any, Union

from pydantic import Field

from optimizer.component import Asset, Component, Cooling
from optimizer.contract import Contract
from optimizer.workload import Workload

PACKAGES = ("optimizer.assets", "optimizer.workloads", "optimizer.contracts", "optimizer.cooling")
ENTRY_POINT_GROUP = "optimizer.kinds"


@cache
def _modules() -> tuple[Any, ...]:
    names = []
    for package_name in PACKAGES:
        package = importlib.import_module(package_name)
        names += [f"{package_name}.{module.name}" for module in pkgutil.iter_modules(package.__path__)]
    own = [importlib.import_module(name) for name in sorted(names)]
    return (*own, *(point.load() for point in entry_points(group=ENTRY_POINT_GROUP)))


def kinds(base: type[Component]) -> tuple[type[Component], ...]:
    """Concrete kinds that derive from ``base``, ordered by their ``kind``."""
    found: dict[str, type[Component]] = {}
    for module in _modules():
        for _, candidate in inspect.getmembers(module, inspect.isclass):
            if issubclass(candidate, base) and "kind" in candidate.model_fields:
                kind = candidate.model_fields["kind"].default
                if found.setdefault(kind, candidate) is not candidate:
                    modules = f"{found[kind].__module__} and {candidate.__module__}"
                    raise TypeError(f"the kind {kind} is defined twice, in {modules}")
    return tuple(found[kind] for kind in sorted(found))


def _any_of(base: type[Component]) -> Any:
    """A type that pydantic reads by the ``kind`` of each entry."""
    return _one_of(kinds(base), base)


def _one_of(found: tuple[type[Component], ...], base: type[Component]) -> Any:
    if len(found) < 2:
        return found[0] if found else base
    return Annotated[Union[found], Field(discriminator="kind")]  # noqa: UP007


def _complete_bundles() -> None:
    """Tell bundles of contracts which kinds there are: their fields of type ``AnyCharge`` hold all but bundles."""
    found = kinds(Contract)
    charges = tuple(kind for kind in found if kind.consists_of is Component.consists_of)
    for bundle in set(found) - set(charges):
        bundle.model_rebuild(_types_namespace={"AnyCharge": _one_of(charges, Contract)})


if TYPE_CHECKING:
    AnyAsset = Asset
    AnyContract = Contract
    AnyCooling = Cooling
    AnyWorkload = Workload
else:
    _complete_bundles()
    AnyAsset = _any_of(Asset)
    AnyContract = _any_of(Contract)
    AnyCooling = _any_of(Cooling)
    AnyWorkload = _any_of(Workload)
