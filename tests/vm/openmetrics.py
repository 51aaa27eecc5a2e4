#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Has Prometheus' own reader take OpenMetrics from standard input. A KTAP line."""
import sys

from prometheus_client.openmetrics.parser import text_fd_to_metric_families

try:
    families = list(text_fd_to_metric_families(sys.stdin))
    samples = sum(len(family.samples) for family in families)
    names = {family.name for family in families}
    for name in ("vhost_net_alt_queue_packets", "vhost_net_alt_queue_drops", "vhostd_ports"):
        if name not in names:
            raise ValueError(f"there is no family {name}")
except ValueError as error:
    print(f"# {error}\nnot ok 1 Prometheus' reader takes the metrics")
    sys.exit(1)
print(f"# {len(families)} families, {samples} samples\nok 1 Prometheus' reader takes the metrics")
