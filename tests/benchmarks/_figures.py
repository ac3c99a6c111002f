"""The arithmetic of the comparison: medians, the best peer, and ratios within a round."""

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Row(NamedTuple):
    """One line of the table: what is measured.

    Attributes:
        is_rate: more is better; of everything else less is.
    """

    name: str
    unit: str = ""
    is_rate: bool = False


Values = Mapping[Row, float]
"""What one run of a case has measured."""


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the sorted values lie."""
    return values[min(int(len(values) * share), len(values) - 1)]


class Figures:
    """Everything that was measured, a value a round, by row and participant.

    Args:
        ours: names of the participants that are compared with the best of `peers`.
    """

    def __init__(self, ours: Sequence[str], peers: Sequence[str]) -> None:
        self.ours = list(ours)
        self.peers = list(peers)
        self._values: dict[Row, dict[str, list[float]]] = {}

    def add(self, name: str, values: Values) -> None:
        """Take what a participant's turn has measured."""
        for row, value in values.items():
            self._values.setdefault(row, {}).setdefault(name, []).append(value)

    def drop(self, peer: str) -> None:
        """Forget a peer that broke: its rounds would no longer be the others' rounds."""
        self.peers.remove(peer)
        for by_name in self._values.values():
            by_name.pop(peer, None)

    def median(self, row: Row, name: str) -> float | None:
        """Of all rounds; None: not measured."""
        values = self._values.get(row, {}).get(name)
        return statistics.median(values) if values else None

    def best_peer(self, row: Row) -> str | None:
        """The peer with the best median; None: there is none."""
        medians = {name: self.median(row, name) for name in self.peers}
        measured = {name: median for name, median in medians.items() if median is not None}
        if not measured:
            return None
        choose = max if row.is_rate else min
        return choose(measured, key=measured.__getitem__)

    def ratio(self, row: Row, ours: str) -> float | None:
        """Ours divided by the best peer: the median of the rounds' own ratios."""
        best = self.best_peer(row)
        values = self._values.get(row, {})
        if best is None or not values.get(ours):
            return None
        return statistics.median(a / b for a, b in zip(values[ours], values[best], strict=True))

    def as_dict(self) -> dict[str, dict[str, list[float]]]:
        """Every value, for programs."""
        return {
            f"{row.name} [{row.unit}]" if row.unit else row.name: by_name
            for row, by_name in self._values.items()
        }
