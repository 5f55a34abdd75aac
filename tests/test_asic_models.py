"""The bundled table of machines: figures plausible, sources given, names found."""

import csv
from pathlib import Path

import pytest

from optimizer.asic_models import AsicModel, asic_model, asic_models
from optimizer.mining_machine import Mode

COLLECTED = Path(__file__).resolve().parents[2] / "shared" / "data" / "power_perf" / "asic_models.csv"
MODELS = list(asic_models().values())


@pytest.mark.parametrize("machine", MODELS, ids=lambda m: m.model)
def test_each_machine_is_plausible_and_sourced(machine: AsicModel) -> None:
    """Proves: J/TH of the generations from 2020 on, which a power in kW or a hash rate in PH/s would miss by a
    factor of 1000."""
    Mode(name="nameplate", hash_th_s=machine.hash_th_s, power_w=machine.power_w)
    assert 12 < machine.power_w / machine.hash_th_s < 40
    assert 2000 < machine.power_w < 12_000
    assert machine.cooling in {"air", "hydro", "immersion"}
    assert len(machine.source) > 10
    assert any(str(year) in machine.source for year in range(2019, 2031))


def test_names_are_unique_and_plain() -> None:
    names = [machine.model for machine in MODELS]
    assert len(set(names)) == len(names)
    assert all(name == name.strip() for name in names)


def test_known_figures() -> None:
    """Proves: 200 TH/s at 17.5 J/TH and 234 TH/s at 15 J/TH, as the maker states them."""
    assert asic_model("Antminer S21").power_w == 17.5 * 200
    assert asic_model("Antminer S21 Pro").power_w == 15.0 * 234


@pytest.mark.skipif(not COLLECTED.is_file(), reason="the collected figures are not beside the project")
def test_nameplates_agree_with_a_collection_of_others() -> None:
    """Proves: machines of the same name and hash rate draw the same within 1 %; the collection has at least six."""
    with COLLECTED.open(encoding="utf-8") as file:
        rows = [(row["model"].lower().removeprefix("bitmain "), row) for row in csv.DictReader(file)]
    compared = 0
    for machine in MODELS:
        name = machine.model.lower().removesuffix(" 96t")
        for other, row in rows:
            same_name = other in (name, name.removeprefix("antminer "))
            if same_name and float(row["hashrate_th_s"]) == machine.hash_th_s:
                assert float(row["power_w"]) == pytest.approx(machine.power_w, rel=0.01)
                compared += 1
    assert compared >= 6


def test_an_unknown_name_is_answered_with_near_ones() -> None:
    with pytest.raises(ValueError, match="did you mean Antminer S21"):
        asic_model("antminer s21")
    with pytest.raises(ValueError, match="no bundled model 'toaster'"):
        asic_model("toaster")
