"""Puts the components of a scenario in their places: labels, references, frames."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from optimizer.carry import CarriedStates, CarriedValue
from optimizer.component import Component, Finding
from optimizer.contract import Contract
from optimizer.errors import did_you_mean, path_text
from optimizer.frame import Frame, Part
from optimizer.horizon import Horizon
from optimizer.light_model import LightModel
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
        if isinstance(model, LightModel):
            for blocks, parts in ((model.parts, self.components), (model.sites, self.sites)):
                for label, part in parts.items():
                    blocks[label].kind = type(part.component)
        return self

    def cut_after(self, steps: int) -> Parts:
        """See only the first ``steps`` of the horizon, as if the run ended there."""
        for part in (*self.components.values(), *self.sites.values()):
            frame = part.frame
            frame.forget()
            whole = frame.horizon
            frame.is_cut = steps < whole.steps
            frame.horizon = Horizon(timezone=whole.timezone, start=whole.start, step=whole.step, steps=steps)
            for limit in ("import_limit_mw", "export_limit_mw"):
                if (found := getattr(frame, limit)) is not None:
                    setattr(frame, limit, found[:, :steps])
        return self

    def site_of(self, label: str) -> Site:
        site: Site = self.sites[label].component  # type: ignore[assignment]
        return site


def place(scenario: Scenario) -> tuple[Parts, list[tuple[Path, Finding]]]:
    """Parts of a scenario and what is wrong with names and references (with the place in the file).

    A component's label in results is its name, or ``site.name`` where several sites use the name. Where a bundle is
    listed, its members stand in its stead.
    """
    findings: list[tuple[Path, Finding]] = []
    placed = _placed(scenario, findings)
    uses = Counter(part.component.name for part in placed)
    parts: dict[str, Part] = {}
    for part in placed:
        if uses[part.component.name] > 1 and part.site is not None:
            part.label = f"{part.site}.{part.component.name}"
        parts[part.label] = part
    findings += _duplicate_sites(scenario)
    findings += _impossible_members(scenario)
    findings += _sites_of_contracts(scenario)
    for part in parts.values():
        findings += [(part.path, finding) for finding in _resolve(part, parts)]
    sites = {
        site.name: Part(site.name, site, ("sites", number), site.name)  # type: ignore[arg-type]
        for number, site in enumerate(scenario.sites)
    }
    _give_frames(scenario, parts, sites)
    if not any(finding.fatal for _, finding in findings):
        findings += _carried_states(scenario, parts, sites)
    return Parts(parts, sites), findings


def _carried_states(
    scenario: Scenario, parts: dict[str, Part], sites: dict[str, Part]
) -> Iterator[tuple[Path, Finding]]:
    """What is wrong with the states carried in: their form, or else their size."""
    if scenario.carry is None:
        return
    wrong = list(scenario.carry.findings(parts, sites, scenario.horizon, scenario.members))
    yield from ((("carry",), finding) for finding in wrong)
    if not any(finding.fatal for finding in wrong):
        for label in scenario.carry.components:
            for finding in parts[label].component.carried_findings(parts[label].frame):
                yield ("carry", "components", label), finding


def _placed(scenario: Scenario, findings: list[tuple[Path, Finding]]) -> list[Part]:
    """Parts by their names, a bundle's members in its stead; names used twice are told and left out."""
    placed: list[Part] = []
    seen: set[tuple[str | None, str]] = set()

    def is_free(path: Path, site: str | None, name: str) -> bool:
        if (site, name) not in seen:
            seen.add((site, name))
            return True
        where = f"site {site}" if site else "the components shared by sites"
        findings.append((path, Finding("name", f"the name is used twice at {where}", name)))
        return False

    for path, site, listed in _listed(scenario):
        if not is_free(path, site, listed.name):
            continue
        members = listed.consists_of()
        if not members:
            placed.append(Part(listed.name, listed, path, site))
        for field, member in members.items():
            name, place = f"{listed.name}-{member.name}", finding_path(path, field)
            if is_free(place, site, name):
                own = member.model_copy(update={"name": name})
                placed.append(Part(name, own, place, site, bundle=listed.name))
    return placed


def _listed(scenario: Scenario) -> Iterator[tuple[Path, str | None, Component]]:
    for number, site in enumerate(scenario.sites):
        for section, position, component in site.components():
            yield ("sites", number, section, position), site.name, component
    for position, contract in enumerate(scenario.contracts):
        yield ("contracts", position), None, contract
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
        able = [p for p in parts.values() if offer in _words(p.component.offers)]
        offered = _offered(part, able, not isinstance(value, str))
        hosts: list[Part] = []
        for name in names:
            found = offered.get(name, ())
            if not found:
                allowed = f"one of: {', '.join(offered)}" if offered else None
                wrong = next((p for p in parts.values() if p.component.name == name and p.site == part.site), None)
                what = f"is no {offer}" if wrong is not None else f"there is no {offer} of this name"
                hint = did_you_mean(name, offered) if offered else f"the scenario has no {offer}"
                yield Finding(field, what, name, allowed, hint)
            elif any(host in hosts for host in found):
                yield Finding(field, "is named twice", name)
            else:
                hosts += found
                for host in found:
                    host.guests.append(part)
        part.hosts[field] = tuple(hosts)


def _words(offers: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return offers if isinstance(offers, tuple) else () if offers is None else (offers,)


def _offered(part: Part, hosts: list[Part], several: bool) -> dict[str, tuple[Part, ...]]:
    """What a component may refer to, by name; with ``several``, a bundle's name means all its members."""
    offered: dict[str, tuple[Part, ...]] = {}
    for host in hosts:
        if several and host.bundle is not None and not _are_of_one_bundle(part, host):
            for key in _keys_for(part, host, host.bundle):
                offered[key] = (*offered.get(key, ()), host)
    for host in hosts:
        offered |= dict.fromkeys(_keys_for(part, host, host.component.name), (host,))
    for host in hosts:
        if _are_of_one_bundle(part, host):
            offered[host.component.name.removeprefix(f"{host.bundle}-")] = (host,)
    return offered


def _keys_for(part: Part, host: Part, name: str) -> list[str]:
    """Names by which a component may refer to a host: plain within its site, ``site.name`` from anywhere."""
    if host.site is None:
        return [name] if part.site is None else []
    full = f"{host.site}.{name}"
    return [name, full] if part.site in (None, host.site) else [full]


def _are_of_one_bundle(part: Part, host: Part) -> bool:
    return part.bundle is not None and (part.bundle, part.site) == (host.bundle, host.site)


def _give_frames(scenario: Scenario, parts: dict[str, Part], sites: dict[str, Part]) -> None:
    carried = {} if scenario.carry is None else scenario.carry.components
    carried_at_site = {} if scenario.carry is None else scenario.carry.sites
    spanned = {label: _spanned(part, sites) for label, part in parts.items()}
    at_site = {
        site.label: tuple([p for label, p in parts.items() if p.site == site.label or site in spanned[label]])
        for site in sites.values()
    }

    def give_frame(part: Part, meters: tuple[Part, ...], states: dict[str, CarriedValue]) -> None:
        part.frame = Frame(
            part=part,
            horizon=scenario.horizon,
            members_count=scenario.members,
            probabilities=scenario.ensemble.weights,
            parts=parts,
            site_parts=() if part.site is None else at_site[part.site],
            meters=meters,
            carried=CarriedStates(states, scenario.members),
        )

    for site in scenario.sites:
        give_frame(sites[site.name], (sites[site.name],), carried_at_site.get(site.name, {}))
        frame = sites[site.name].frame
        frame.import_limit_mw, frame.export_limit_mw = site.import_limit(frame), frame.values(site.grid.export_limit_mw)
    for label, part in parts.items():
        give_frame(part, spanned[label], carried.get(label, {}))
        for limit in ("import_limit_mw", "export_limit_mw") if spanned[label] else ():
            setattr(part.frame, limit, np.add.reduce([getattr(site.frame, limit) for site in spanned[label]]))


def _spanned(part: Part, sites: dict[str, Part]) -> tuple[Part, ...]:
    """The sites whose meters a component sees: its own, or those that a contract of the portfolio spans."""
    if part.site is not None:
        return (sites[part.site],)
    if not isinstance(part.component, Contract):
        return ()
    chosen = part.component.sites
    if chosen is None or not set(chosen) <= set(sites):  # refused; no site is to miss it on top of that
        return tuple(sites.values())
    return tuple(site for name, site in sites.items() if name in chosen)


def _sites_of_contracts(scenario: Scenario) -> Iterator[tuple[Path, Finding]]:
    """The field ``sites`` of contracts: known sites, each once, and only in the portfolio's own list."""
    known = [site.name for site in scenario.sites]
    for path, site, contract in _listed(scenario):
        if not isinstance(contract, Contract) or contract.sites is None:
            continue
        if site is not None:
            hint = "list a contract of several sites under the scenario's own contracts"
            yield path, Finding("sites", f"this contract stands at site {site}", hint=hint)
            continue
        for position, name in enumerate(contract.sites):
            if name not in known:
                allowed, near = f"one of: {', '.join(known)}", did_you_mean(name, known)
                yield path, Finding(f"sites[{position}]", "there is no site of this name", name, allowed, near)
            elif name in contract.sites[:position]:
                yield path, Finding(f"sites[{position}]", "is named twice", name)


def finding_path(base: Path, field: str) -> Path:
    """Place in the file of a finding's field, as in ``modes[1].power_w``."""
    steps = [int(s) if s.isdigit() else s for s in re.findall(r"[^.\[\]]+", field)]
    return (*base, *steps)


def place_by_names(scenario: Scenario, where: Path) -> str | None:
    """``sites.odessa.assets.bess`` for ``("sites", 0, "assets", 3)``, as ``--set`` takes it; the position where two
    neighbours share a name; None for what does not stand in the scenario itself (members of a bundle)."""
    at: Any = scenario
    words: list[str | int] = []
    for step in where:
        try:
            following = at[step] if isinstance(step, int) else getattr(at, step)
        except (AttributeError, IndexError, TypeError):
            return None
        names = [getattr(item, "name", None) for item in at] if isinstance(step, int) else []
        known = names[step] if isinstance(step, int) else None
        words.append(step if known is None or names.count(known) > 1 else known)
        at = following
    return path_text(words)
