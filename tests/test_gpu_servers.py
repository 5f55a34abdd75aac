"""The bundled table of GPU servers: figures plausible, sources given, names found, and what a pool takes from it."""

from typing import Any

import pytest
from pool_case import job, pool_case, rental
from small_case import profit, refusals

from optimizer.assets.gpu_pool import PLAUSIBLE_NODE_KW, GpuPool
from optimizer.gpu_servers import GpuServer, gpu_server, gpu_servers

SERVERS = list(gpu_servers().values())


@pytest.mark.parametrize("server", SERVERS, ids=lambda s: s.model)
def test_each_server_is_plausible_and_sourced(server: GpuServer) -> None:
    """Proves: 0.8 to 1.8 kW per GPU, server and all, which watts or the draw of a GPU alone would miss; every figure
    has a source with its year."""
    assert 0.8 <= server.full_kw / server.gpus <= 1.8
    assert server.full_kw <= PLAUSIBLE_NODE_KW
    assert any(str(year) in server.source for year in range(2019, 2031))
    if server.idle_kw is not None:
        assert 0.1 < server.idle_kw / server.full_kw < 0.4
        assert server.measured_source
    if server.measured_kw is not None:
        assert 0.7 < server.measured_kw / server.full_kw < 1.05
        assert any(str(year) in server.measured_source for year in range(2019, 2031))


def test_known_figures() -> None:
    """Proves: 8.4 kW measured of 10.2 kW rated, "18 % lower" as the measurement says of itself."""
    h100 = gpu_server("DGX H100")
    assert h100.full_kw == 10.2
    assert h100.measured_kw is not None
    assert 1 - h100.measured_kw / h100.full_kw == pytest.approx(0.18, abs=0.005)
    assert gpu_server("GB200 NVL72").gpus == 72


def model_pool(model: object, **fields: Any) -> dict[str, Any]:
    return {"kind": "gpu_pool", "name": "h", "nodes": 10, "model": model} | fields


def test_a_pool_takes_gpus_and_draws_from_its_model() -> None:
    """Proves: 10 nodes of 72 GPUs at 1 per GPU-hour earn 720 and draw 1.2 MW, 120 at 100 per MWh. Sensitivity: with
    the pool's own default of 8 GPUs 80 - 120: nothing would run."""
    on = model_pool("GB200 NVL72", idle_kw=30)
    assert profit(pool_case(100, 1, rental(), on=on)) == pytest.approx(600)


def test_an_idle_draw_that_is_known_is_taken() -> None:
    """Proves: 10 idle nodes of 1.5 kW cost 1.5 at 100 per MWh."""
    on = model_pool("DGX A100", switch_off=False)
    assert profit(pool_case(100, 1, on=on)) == pytest.approx(-1.5)


def test_what_is_given_is_not_taken_from_the_model() -> None:
    """Proves: 8.4 kW as measured, 4 GPUs: 10 * 4 - 8.4. Sensitivity: by the table 80 - 10.2."""
    on = model_pool("DGX H100", idle_kw=2, full_kw=8.4, gpus_per_node=4)
    assert profit(pool_case(100, 1, rental(), on=on)) == pytest.approx(40 - 8.4)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model": "DGX H100"}, "no draw of an idle DGX H100 is bundled, because none is published: give idle_kw"),
        ({"model": "DGX H10"}, "did you mean 'DGX H100'?"),
        ({"model": "DGX A100", "idle_kw": 7}, "must be off_kw <= idle_kw <= full_kw; found 0, 7 and 6.5 kW"),
        ({"model": 5}, "model"),
        ({"model": None}, "idle_kw"),
        ({"model": None, "idle_kw": 2}, "full_kw"),
    ],
)
def test_bad_models_are_refused(fields: dict[str, Any], words: str) -> None:
    on = {"kind": "gpu_pool", "name": "h", "nodes": 10} | {k: v for k, v in fields.items() if v is not None}
    assert words in refusals(pool_case(100, 1, job(), on=on))


def test_the_schema_does_not_ask_for_what_a_model_gives() -> None:
    required = GpuPool.model_json_schema()["required"]
    assert "nodes" in required
    assert not {"idle_kw", "full_kw"} & set(required)
