"""Scenario files: YAML 1.2, limits, lines, overrides."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.errors import InputError
from optimizer.scenario_file import RawScenario, apply_overrides, parse_scenario, read_scenario_file
from optimizer.yaml_reader import parse_yaml, to_yaml

WEST = """\
format: 1
name: west
sites:
  - name: odessa
    assets:
      - {kind: battery, name: b}
      - kind: miner_fleet
        name: s21
        machines: 12000
"""


def west() -> RawScenario:
    return parse_scenario(WEST, Path("west.yaml"))


def refusal(text: str | bytes, path: Path) -> str:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as caught:
        read_scenario_file(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("No", "No"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("0o17", 15),
        ("0x1F", 31),
        ("010", 10),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-1.", -1.0),
        (".inf", float("inf")),
        ("-.INF", float("-inf")),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2024-08-19T00:00", "2024-08-19T00:00"),
        ("2024-08-19", "2024-08-19"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 5", "5"),
    ],
)
def test_scalars_of_yaml_1_2(text: str, value: object) -> None:
    parsed, _ = parse_yaml(f"a: {text}")
    assert parsed["a"] == value
    assert type(parsed["a"]) is type(value)


def test_nan_is_read_and_left_to_the_schema() -> None:
    parsed, _ = parse_yaml("a: .nan")
    assert parsed["a"] != parsed["a"]


def test_keys_are_text() -> None:
    assert parse_yaml("{on: 1, 2: a, true: b}")[0] == {"on": 1, "2": "a", "true": "b"}


def test_lines_and_problems() -> None:
    raw = west()
    machines = ("sites", 0, "assets", 1, "machines")
    assert raw.lines["name",] == 2
    assert raw.line_of(machines) == 9
    assert raw.line_of(("sites", 0, "assets", 0, "power_mw")) == 6
    assert raw.line_of(("sites", 0, "grid", "limit")) == 4
    assert raw.line_of(("nowhere",)) is None
    problem = raw.problem(machines, value=-5, allowed="at least 0")
    assert str(problem) == "sites[0].assets[1].machines (west.yaml:9): found -5; must be at least 0"


def test_schema_locations_are_found_in_the_file() -> None:
    raw = west()
    assert raw.locate(("sites", 0, "assets", 1, "miner_fleet", "machines")) == (
        ("sites", 0, "assets", 1, "machines"),
        12000,
    )
    assert raw.locate(("sites", 0, "assets", 0, "battery", "power_mw")) == (("sites", 0, "assets", 0, "power_mw"), ...)
    assert raw.locate(("sites", 0, "name", "str")) == (("sites", 0, "name"), "odessa")


def test_json_has_lines_too(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    data = {"name": "ümläut 😀 \\ud83d", "sites": [{"x": 1e3, "y": None, "z": [True, "on"]}]}
    path.write_text(json.dumps(data, indent="\t"))
    raw = read_scenario_file(path)
    assert raw.data == data
    assert raw.line_of(("sites", 0, "x")) == 5
    assert raw.folder == tmp_path


def test_a_byte_order_mark_is_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: a\r\nb: 1\r\n")
    assert read_scenario_file(path).data == {"name": "a", "b": 1}


def test_aliases_are_copied() -> None:
    parsed, lines = parse_yaml("a: &x {n: [1, 2]}\nb: *x\nc: &y 5\nd: *y\n")
    assert parsed == {"a": {"n": [1, 2]}, "b": {"n": [1, 2]}, "c": 5, "d": 5}
    assert parsed["a"]["n"] is not parsed["b"]["n"]
    assert lines["b",] == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("# only a comment\n", "the file is empty"),
        ("- a\n", "must be a mapping"),
        ("a: 1\nb: 2\na: 3\n", "a (a.yaml:3): the key is there twice, first in line 1"),
        ("s:\n- {n: 1, n: 2}\n", "s[0].n (a.yaml:2): the key is there twice"),
        ("a: [1, 2\nb: 3\n", "a.yaml:2: is not well-formed YAML"),
        ("a: b: c\n", "a.yaml:1: is not well-formed YAML"),
        ("a: \x01\n", "is not well-formed YAML"),
        ("a: 1\n---\nb: 2\n", "more than one document"),
        ("a: *x\n", "the alias *x refers to nothing"),
        ("a: &x [*x]\n", "the alias *x refers to nothing"),
        ("a: {<<: {b: 1}}\n", "merge keys"),
        ("a: !!python/object:os.system x\n", "is not allowed"),
        ("a: !!int x\n", "is not allowed"),
        ("? [1, 2]\n: 3\n", "a key must be plain text"),
        ("a: " + "9" * 5000, "a number of 5000 digits"),
        ("a: " + "[" * 70 + "]" * 70, "nested more than 64 levels"),
        pytest.param("a: " + "[" * 1_000_000, "nest", id="deeper than the parser goes"),  # by it, or by the limit above
        (b"a: \xff\n", "a.yaml:1: is not UTF-8 text"),
        ("a: 1\n".encode("utf-16"), "is not UTF-8 text"),
        pytest.param(b"a: " + b"x" * 17 * 1024**2, "too large; must be at most 16 MiB", id="17 MiB"),
    ],
)
def test_refusals(text: str | bytes, words: str, tmp_path: Path) -> None:
    assert words in refusal(text, tmp_path / "a.yaml")


def test_a_small_file_cannot_expand_without_limit(tmp_path: Path) -> None:
    """Nine levels of nine aliases: without a limit 387 million values from 400 bytes."""
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 10)]
    assert "aliases expand to more than" in refusal("\n".join(["l0: &l0 x", *levels]), tmp_path / "a.yaml")


def test_a_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "west.yaml").write_text(WEST)
    with pytest.raises(InputError, match=r"not there; did you mean 'west.yaml'\?") as caught:
        read_scenario_file(tmp_path / "wets.yaml")
    assert caught.value.exit_code == 2
    with pytest.raises(InputError, match="is a folder"):
        read_scenario_file(tmp_path)
    with pytest.raises(InputError, match="not there"):
        read_scenario_file(tmp_path / "no" / "west.yaml")


def test_overrides_by_index_and_by_name() -> None:
    raw = west()
    by_index = apply_overrides(raw, ["sites[0].assets[1].machines=5", "solver.mip_rel_gap = 1e-3"])
    by_name = apply_overrides(raw, ["sites.odessa.assets.s21.machines=5", "solver={mip_rel_gap: 0.001}"])
    assert by_index.data == by_name.data
    assert by_index.data["sites"][0]["assets"][1]["machines"] == 5
    assert by_index.data["solver"] == {"mip_rel_gap": 0.001}
    assert raw.data == west().data
    machines = ("sites", 0, "assets", 1, "machines")
    assert by_name.line_of(machines) is None
    assert str(by_name.problem(machines, value=5)) == "sites[0].assets[1].machines (--set): found 5"
    assert by_name.line_of(("sites", 0, "assets", 1, "name")) == 8


def test_an_override_may_hold_an_equals_sign_and_lists() -> None:
    raw = apply_overrides(west(), ["name='a=b'", "sites[0].house_load_mw=[1, 2]", "sites[0].house_load_mw[1]=3"])
    assert raw.data["name"] == "a=b"
    assert raw.data["sites"][0]["house_load_mw"] == [1, 3]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("sites.odesa.name=x", "did you mean 'odessa'?"),
        ("sites.odessa.assets.zzz.machines=1", "names: b, s21"),
        ("sites[1].name=x", "sites has no entry [1]"),
        ("name.x=1", "name holds a single value"),
        ("format[0]=1", "format holds a single value"),
        ("sites[0][0]=1", "sites[0] is not a list"),
        ("machines", "write it as path=value"),
        ("=5", "write it as path=value"),
        ("a..b=5", "write it as path=value"),
        ("a.=5", "write it as path=value"),
        ("a[x]=5", "write it as path=value"),
        ("a[-1]=5", "write it as path=value"),
        ("name=[1", "the value is not well-formed YAML"),
    ],
)
def test_overrides_that_lead_nowhere(override: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        apply_overrides(west(), ["name=ok", override])
    assert words in str(caught.value)


def test_all_bad_overrides_are_told() -> None:
    with pytest.raises(InputError) as caught:
        apply_overrides(west(), ["sites[7].name=x", "name.x=1"])
    assert len(caught.value.problems) == 2


AWKWARD = "ab01eox+-.:,#'\"\n\t é😀{[&*!|>%@\\~"
plain_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(AWKWARD),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcé <:-0", min_size=1), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text("abc", min_size=1), plain_data, max_size=4))
def test_what_is_written_is_read_back(data: dict[str, object]) -> None:
    assert parse_yaml(to_yaml(data))[0] == data


@pytest.mark.parametrize("text", ["on", "1e3", "0o17", "0x1F", "12:30", "2024-08-19", "null", "~", "", "1.", ".5"])
def test_text_that_looks_like_something_else_is_written_in_quotes(text: str) -> None:
    assert parse_yaml(to_yaml({"a": text}))[0] == {"a": text}
