"""The bundled table of served models: figures plausible, sources given, names found."""

from pathlib import Path

import pytest

from optimizer.inference_throughput import ServedModel, served_model, served_models, tokens_per_unit

MODELS = list(served_models().values())
PAGE = Path(__file__).parents[1] / "docs" / "machines.md"


@pytest.mark.parametrize("row", MODELS, ids=lambda m: m.model)
def test_each_row_is_plausible_and_sourced(row: ServedModel) -> None:
    """Proves: 100 to 20,000 output tokens per second and GPU, which figures per GPU, per node or per rack mixed up
    would miss; input is taken in faster than output is given out; a source with its year."""
    assert 100 < row.output_tokens_per_s / row.gpus_per_node < 20_000
    assert row.input_tokens_per_s is None or row.input_tokens_per_s > row.output_tokens_per_s
    assert row.joules_per_output_token is None or 0.01 < row.joules_per_output_token < 100
    assert any(str(year) in row.source for year in range(2023, 2031))
    assert row.gpu in row.model or row.gpu.split()[0] in row.model


def test_names_are_unique_and_plain() -> None:
    names = [row.model for row in MODELS]
    assert len(set(names)) == len(names)
    assert all(name == name.strip() for name in names)


def test_known_figures() -> None:
    """Proves: the published averages of DeepSeek's nodes, and the tokens per second of an MLPerf result."""
    deepseek = served_model("DeepSeek-V3/R1 on 8xH800")
    assert (deepseek.input_tokens_per_s, deepseek.output_tokens_per_s) == (73_700, 14_800)
    assert served_model("Llama 2 70B on 8xB200").output_tokens_per_s == 98_443


def test_an_unknown_name_is_answered_with_a_near_one() -> None:
    with pytest.raises(ValueError, match="did you mean 'Llama 2 70B on 8xH100'"):
        served_model("llama 2 70b on 8xh100")
    with pytest.raises(ValueError, match="no bundled model 'toaster' Known: DeepSeek"):
        served_model("toaster")


def test_units_that_count_tokens() -> None:
    assert tokens_per_unit("Mtok") == 1e6
    assert tokens_per_unit("thousand requests") is None


def test_the_documentation_shows_the_table() -> None:
    def number(value: float | None) -> str:
        return "" if value is None else f"{value:g}"

    section = PAGE.read_text(encoding="utf-8").partition("\n## Served models\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    assert [[cell.strip() for cell in line.strip("|").split("|")] for line in lines] == [
        [
            row.model,
            row.gpu,
            str(row.gpus_per_node),
            row.precision,
            number(row.input_tokens_per_s),
            number(row.output_tokens_per_s),
            number(row.joules_per_output_token),
            row.source,
        ]
        for row in MODELS
    ]
