"""Puts the components of a scenario in their places: labels, references, frames."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from optimizer.component import Component, Finding
from optimizer.errors import did_you_mean
from optimizer.frame import Frame, Part
from optimizer.scenario import Scenario
from optimizer.site import Site

Path = tuple[str | int, ...]


@dataclass(eq=False)
class Parts:
    """All components of a scenario, by label, and the sites."""

    components: dict[str, Part]
    sites: dict[str, Part]
    """Each site as a part of its own; its frame's ``site_parts`` are the site's components."""

    def with_model(self, model: object) -> Parts:
        """Give all frames the model in which their components declare themselves."""
        for part in (*self.components.values(), *self.sites.values()):
            part.frame.model = model
        return self

    def site_of(self, label: str) -> Site:
        site: Site = self.sites[label].component  # type: ignore[assignment]
        return site


def place(scenario: Scenario) -> tuple[Parts, list[tuple[Path, Finding]]]:
    """Parts of a scenario and what is wrong with names and references (with the place in the file).

    A component's label in results is its name, or ``site.name`` where several sites use the name.
    """
    placed = list(_places(scenario))
    uses = Counter(component.name for _, _, component in placed)
    parts: dict[str, Part] = {}
    findings: list[tuple[Path, Finding]] = []
    seen: set[tuple[str | None, str]] = set()
    for path, site, component in placed:
        if (site, component.name) in seen:
            where = f"site {site}" if site else "the shared workloads"
            findings.append((path, Finding("name", f"the name is used twice at {where}", component.name)))
            continue
        seen.add((site, component.name))
        label = component.name if uses[component.name] == 1 or site is None else f"{site}.{component.name}"
        parts[label] = Part(label, component, path, site)
    findings += _duplicate_sites(scenario)
    findings += _impossible_members(scenario)
    for part in parts.values():
        findings += [(part.path, finding) for finding in _resolve(part, parts)]
    sites = {
        site.name: Part(site.name, site, ("sites", number), site.name)  # type: ignore[arg-type]
        for number, site in enumerate(scenario.sites)
    }
    _give_frames(scenario, parts, sites)
    return Parts(parts, sites), findings


def _places(scenario: Scenario) -> Iterator[tuple[Path, str | None, Component]]:
    for number, site in enumerate(scenario.sites):
        for section, position, component in site.components():
            yield ("sites", number, section, position), site.name, component
    for position, workload in enumerate(scenario.workloads):
        yield ("workloads", position), None, workload


def _duplicate_sites(scenario: Scenario) -> Iterator[tuple[Path, Finding]]:
    for number, site in enumerate(scenario.sites):
        if any(other.name == site.name for other in scenario.sites[:number]):
            yield ("sites", number), Finding("name", "the name is used by another site", site.name)


def _impossible_members(scenario: Scenario) -> Iterator[tuple[Path, Finding]]:
    """Members whose profit counts for nothing: any plan would do for them."""
    never = [str(member) for member in np.flatnonzero(scenario.ensemble.weights == 0.0)]
    if never:
        message = f"member {', '.join(never)} has probability 0: its plan is only feasible, not good"
        yield ("ensemble",), Finding("probabilities", message, hint="leave it out", fatal=False)


def _resolve(part: Part, parts: dict[str, Part]) -> Iterator[Finding]:
    """Find the hosts that a component's reference fields name."""
    for field, offer in part.component.refers_to.items():
        value = getattr(part.component, field)
        names = [] if value is None else [value] if isinstance(value, str) else list(value)
        offered = {key: p for p in parts.values() if p.component.offers == offer for key in _keys_for(part, p)}
        hosts = []
        for name in names:
            host = offered.get(name)
            if host is None:
                allowed = f"one of: {', '.join(offered)}" if offered else None
                wrong = next((p for p in parts.values() if p.component.name == name and p.site == part.site), None)
                what = f"is no {offer}" if wrong is not None else f"there is no {offer} of this name"
                hint = did_you_mean(name, offered) if offered else f"the scenario has no {offer}"
                yield Finding(field, what, name, allowed, hint)
            elif host in hosts:
                yield Finding(field, "is named twice", name)
            else:
                hosts.append(host)
                host.guests.append(part)
        part.hosts[field] = tuple(hosts)


def _keys_for(part: Part, host: Part) -> list[str]:
    """Names by which a component may refer to a host: plain within its site, ``site.name`` from anywhere."""
    full = f"{host.site}.{host.component.name}"
    return [host.component.name, full] if part.site in (None, host.site) else [full]


def _give_frames(scenario: Scenario, parts: dict[str, Part], sites: dict[str, Part]) -> None:
    for part in (*parts.values(), *sites.values()):
        part.frame = Frame(
            part=part,
            horizon=scenario.horizon,
            members_count=scenario.members,
            probabilities=scenario.ensemble.weights,
            parts=parts,
            site_parts=tuple(p for p in parts.values() if p.site == part.site) if part.site else (),
        )
        site = next((s for s in scenario.sites if s.name == part.site), None)
        if site is not None:
            part.frame.import_limit_mw = site.import_limit(part.frame)
            part.frame.export_limit_mw = part.frame.values(site.grid.export_limit_mw)


def finding_path(base: Path, field: str) -> Path:
    """Place in the file of a finding's field, as in ``modes[1].power_w``."""
    steps = [int(s) if s.isdigit() else s for s in re.findall(r"[^.\[\]]+", field)]
    return (*base, *steps)
