"""What `plan` tells of the metrics of a summary: with which others each is compared, at which grain, or why it isn't."""

from __future__ import annotations

from deployments.declarations.metric_grains import grain_of, metric_columns
from deployments.project import Project


def metric_lines(project: Project, name: str) -> list[str]:
    """A line per metric and other summary that has it; one for a metric that no other has."""
    lines = []
    summary = project.summaries[name]
    for metric in metric_columns(summary):
        others = [other for other in project.summaries_with(metric) if other != name]
        if not others:
            lines.append(f"metric {metric}: no other summary has it")
        for other in others:
            grain = grain_of(metric, project.metrics[metric], summary, project.summaries[other])
            said = f"not compared with {other}: {grain.why_not}" if grain.why_not else f"compared with {other} {grain}"
            lines.append(f"metric {metric}: {said}")
    return lines
