"""Real data as the example templates take it."""

import csv
from pathlib import Path
from typing import Any

from jobqueue.render.template_files import TemplateFiles, read_folder

from .helpers import HERE, shared_file

EXAMPLES = HERE.parents[1] / "examples" / "templates"


def example(name: str) -> TemplateFiles:
    """One of the example templates."""
    return TemplateFiles(name, 0, read_folder(EXAMPLES / name))


def weather(year: int) -> dict[str, Any]:
    """A year of weather in Seattle."""
    return {
        "place": "Seattle",
        "year": year,
        "days": [
            {
                "date": row["date"],
                "month": int(row["date"][5:7]),
                "weather": row["weather"],
                **{
                    name: float(row[name])
                    for name in ("temp_max", "temp_min", "precipitation", "wind")
                },
            }
            for row in _rows(shared_file("seattle-weather.csv"))
            if row["date"].startswith(str(year))
        ],
    }


def employment() -> dict[str, Any]:
    """Jobs in each sector of the United States by month."""
    rows = _rows(shared_file("us-employment.csv"))
    sectors = [name for name in rows[0] if name not in {"month", "nonfarm_change"}]
    return {
        "title": "Employment in the United States",
        "lead": "Thousands of jobs by sector and month, 2006 to 2015, seasonally adjusted",
        "sectors": [
            {
                "id": name,
                "name": name.replace("_", " ").capitalize(),
                "series": [{"month": row["month"], "jobs": float(row[name])} for row in rows],
            }
            for name in sectors
        ],
    }


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
