"""What `make bench-peers` makes of its values."""

import pytest

from tests.benchmarks._figures import Figures, Row, percentile

RATE = Row("process", "jobs/s", is_rate=True)
LATENCY = Row("pick-up", "ms")


@pytest.fixture
def figures() -> Figures:
    """Three rounds, in the second of which the machine was slow."""
    figures = Figures(["ours"], ["fast", "slow"])
    for name, rates, latencies in (
        ("ours", (300, 30, 400), (1, 10, 1)),
        ("fast", (100, 10, 100), (2, 20, 4)),
        ("slow", (50, 50, 50), (5, 5, 5)),
    ):
        for rate, latency in zip(rates, latencies, strict=True):
            figures.add(name, {RATE: rate, LATENCY: latency})
    return figures


def test_the_best_peer_is_the_fastest_of_rates_and_the_least_of_all_else(figures: Figures) -> None:
    """Ours is compared with the strongest peer in each line, not with the first."""
    assert figures.best_peer(RATE) == "fast"
    assert figures.best_peer(LATENCY) == "fast"
    figures.add("slow", {LATENCY: 1.0})
    figures.add("slow", {LATENCY: 1.0})
    figures.add("slow", {LATENCY: 1.0})
    figures.add("slow", {LATENCY: 1.0})
    assert figures.best_peer(LATENCY) == "slow"


def test_a_ratio_is_that_of_the_same_round(figures: Figures) -> None:
    """A slow moment that met both leaves the ratio as it is."""
    assert figures.ratio(RATE, "ours") == pytest.approx(3)
    assert figures.ratio(LATENCY, "ours") == pytest.approx(0.5)


def test_a_peer_that_broke_is_nowhere_in_the_figures(figures: Figures) -> None:
    """What is left is compared with the next best peer."""
    figures.drop("fast")
    assert figures.best_peer(RATE) == "slow"
    assert figures.ratio(RATE, "ours") == pytest.approx(6)
    assert "fast" not in figures.as_dict()["process [jobs/s]"]


def test_without_peers_there_is_no_ratio(figures: Figures) -> None:
    """On a machine where no peer can be installed the medians are still told."""
    figures.drop("fast")
    figures.drop("slow")
    assert figures.median(RATE, "ours") == 300
    assert figures.ratio(RATE, "ours") is None


def test_a_percentile_is_a_value_that_was_measured() -> None:
    """The highest share gives the highest value instead of an error."""
    values = [float(number) for number in range(1, 101)]
    assert percentile(values, 0.5) == 51
    assert percentile(values, 0.99) == 100
    assert percentile([7.0], 0.99) == 7
