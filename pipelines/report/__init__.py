"""What a run found, as one HTML page that needs nothing else."""

from tocsin.pipelines.report.page import write_report
from tocsin.pipelines.report.summary import Step, Summary

__all__ = ["Step", "Summary", "write_report"]
