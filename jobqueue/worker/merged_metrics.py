"""The metrics of a parent and its worker processes, as one."""

from collections.abc import Iterable
from pathlib import Path

from prometheus_client import REGISTRY, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample
from typing_extensions import override

_KEPT = frozenset({"counter", "histogram"})


class MergedMetrics(Collector):
    """Adds up what the children write to files in `folder`, and the parent's own.

    What a child counted stays after its end, so that no counter ever falls.
    """

    def __init__(self, folder: Path, own: Collector = REGISTRY) -> None:
        self._folder = folder
        self._own = own
        self._retired: list[Metric] = []

    @override
    def collect(self) -> Iterable[Metric]:
        children = _read(self._folder.glob("*.db"))
        return _merge([children, self._retired, self._own.collect()])

    def retire(self, pid: int) -> None:
        """Keep the counts of a child that ended, and drop its files."""
        mark_process_dead(pid, str(self._folder))  # type: ignore[no-untyped-call]  # prometheus-client's is untyped
        files = list(self._folder.glob(f"*_{pid}.db"))
        kept = [metric for metric in _read(files) if metric.type in _KEPT]
        self._retired = _merge([self._retired, kept])
        for file in files:
            file.unlink()


def _read(files: Iterable[Path]) -> Iterable[Metric]:
    """What children wrote; a file that one has just made is still empty, which is no error."""
    written = [str(file) for file in files if file.stat().st_size]
    return MultiProcessCollector.merge(written)  # type: ignore[no-untyped-call, no-any-return]  # likewise


def _merge(sources: Iterable[Iterable[Metric]]) -> list[Metric]:
    """One family of each name: counts are added up, of gauges the first source's holds."""
    families: dict[str, Metric] = {}
    values: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    for source in sources:
        for metric in source:
            families.setdefault(metric.name, metric)
            samples = values.setdefault(metric.name, {})
            for sample in metric.samples:
                key = sample.name, tuple(sorted(sample.labels.items()))
                if metric.type in _KEPT:
                    samples[key] = samples.get(key, 0.0) + sample.value
                else:
                    samples.setdefault(key, sample.value)
    return [_family(metric, values[name]) for name, metric in families.items()]


def _family(metric: Metric, values: dict[tuple[str, tuple[tuple[str, str], ...]], float]) -> Metric:
    family = Metric(metric.name, metric.documentation, metric.type, metric.unit)
    family.samples = [Sample(name, dict(labels), value) for (name, labels), value in values.items()]
    return family
