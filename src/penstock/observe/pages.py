"""What slices put on the metrics page: the table that joins their files. Pure."""

from __future__ import annotations

from penstock.observe.admission_page import ADMISSION_METRICS, put_admission
from penstock.observe.alerts_page import ALERTS_METRICS, put_alerts
from penstock.observe.batching_page import BATCHING_METRICS, put_batching
from penstock.observe.cache_page import CACHE_METRICS, put_cache
from penstock.observe.coalesce_page import COALESCE_METRICS, put_coalesce
from penstock.observe.collector_page import COLLECTOR_METRICS, put_collector
from penstock.observe.cost_page import COST_METRICS, put_cost
from penstock.observe.degrade_page import DEGRADE_METRICS, put_degrade
from penstock.observe.gauges_page import GAUGE_METRICS, put_gauges
from penstock.observe.grouping_page import GROUPING_METRICS, put_grouping
from penstock.observe.jobs_page import JOBS_METRICS, put_jobs
from penstock.observe.journal_page import JOURNAL_METRICS, put_journal
from penstock.observe.memory_page import MEMORY_METRICS, put_memory
from penstock.observe.resume_page import RESUME_METRICS, put_resume
from penstock.observe.scaling_page import SCALING_METRICS, put_scaling
from penstock.observe.store_page import STORE_METRICS, put_store
from penstock.observe.telemetry_page import TELEMETRY_METRICS, put_telemetry

SLICES = (
    ("memory", put_memory, MEMORY_METRICS),
    ("admission", put_admission, ADMISSION_METRICS),
    ("resume", put_resume, RESUME_METRICS),
    ("journal", put_journal, JOURNAL_METRICS),
    ("cache", put_cache, CACHE_METRICS),
    ("coalesce", put_coalesce, COALESCE_METRICS),
    ("degrade", put_degrade, DEGRADE_METRICS),
    ("jobs", put_jobs, JOBS_METRICS),
    ("grouping", put_grouping, GROUPING_METRICS),
    ("batching", put_batching, BATCHING_METRICS),
    ("store", put_store, STORE_METRICS),
    ("cost", put_cost, COST_METRICS),
    ("collector", put_collector, COLLECTOR_METRICS),
    ("telemetry", put_telemetry, TELEMETRY_METRICS),
    ("alerts", put_alerts, ALERTS_METRICS),
    ("gauges", put_gauges, GAUGE_METRICS),
    ("scaling", put_scaling, SCALING_METRICS),
)
"""What slices tell, by the name under which workers dump it: how it is put on the page, and its metrics."""
