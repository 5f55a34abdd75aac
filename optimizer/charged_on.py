"""Charges on the charges of other contracts: taxes, adders, minimum bills.

Such a contract names others in ``on`` and reads their money: in the model the very rules of their ledger lines, in the
bill their bill. A reference may be to a contract that is itself charged on others, so that taxes and adders come in
order; references that run in a circle are refused. Revenue counts as a charge below 0.

The contracts that are charged on have their meters where the charge has them: a charge on a contract that also stands
at other sites belongs in the scenario's own list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, TypeVar

from pydantic import Field

from optimizer.component import Finding, MoneyLine
from optimizer.contract import BillLine, Contract
from optimizer.frame import Frame, Part
from optimizer.metering import Reading

ContractName = Annotated[
    str, Field(strict=True, pattern=r"^([A-Za-z][A-Za-z0-9_-]*\.)?[A-Za-z][A-Za-z0-9_-]*$", max_length=129)
]
Line = TypeVar("Line")
REFERENCE = "on"


class ChargedOn(Contract):
    """A charge on the contracts that its field ``on`` names."""

    refers_to: ClassVar[dict[str, str]] = {REFERENCE: "contract"}

    def check(self, f: Frame) -> Iterator[Finding]:
        circle = circle_from(f.part)
        order = list(f.parts.values())
        if circle and circle[0] is circle[-1] and min(circle, key=order.index) is f.part:  # told once
            yield Finding(
                REFERENCE,
                f"contracts are charged on each other: {' -> '.join(part.label for part in circle)}",
                hint="charge each on contracts that do not depend on it",
            )
        for host in f.hosts(REFERENCE):
            beyond = [site for site in host.frame.metered_sites if site not in f.metered_sites]
            if beyond:
                yield Finding(
                    REFERENCE,
                    f"{host.label} is charged for {', '.join(beyond)}, which this contract does not span",
                    hint="list this contract under the scenario's own contracts, with the same sites",
                )


def circle_from(part: Part) -> list[Part]:
    """The references from a part on up to the first that names one of those before it; empty if none ever does."""

    def followed(path: list[Part]) -> list[Part]:
        for host in path[-1].hosts.get(REFERENCE, ()):
            if host in path:
                return [*path, host]
            if found := followed([*path, host]):
                return found
        return []

    return followed([part])


def contracts_charged_on(f: Frame) -> list[tuple[Contract, Frame]]:
    """The contracts charged on; none where references run in a circle, which :meth:`ChargedOn.check` refuses."""
    hosts = () if circle_from(f.part) else f.hosts(REFERENCE)
    return [(host.component, host.frame) for host in hosts if isinstance(host.component, Contract)]


def lines_charged_on(f: Frame) -> dict[str, tuple[Part, MoneyLine]]:
    """Money lines of the contracts charged on, by name, each with the contract that it belongs to."""
    return _by_name(
        [
            (host.label, {name: (host, line) for name, line in host.component.money(host.block, host.frame).items()})
            for host in f.hosts(REFERENCE)
        ]
    )


def bills_charged_on(r: Reading) -> dict[str, BillLine]:
    """Lines of the bills of the contracts charged on, by the same names."""
    return _by_name([(host.label, host.component.bill(host)) for host in r.hosts(REFERENCE)])


def _by_name(by_host: Sequence[tuple[str, dict[str, Line]]]) -> dict[str, Line]:
    """Lines by name; those that contracts of different sites have in common, by ``site.contract.line``."""
    uses = Counter(name for _, lines in by_host for name in lines)
    return {
        name if uses[name] == 1 else f"{label}.{name}": line for label, lines in by_host for name, line in lines.items()
    }
