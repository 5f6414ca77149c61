"""`batching.config` and `monitoring.config`: how TensorFlow Serving merges requests and shows its metrics."""

from __future__ import annotations

BATCHING_CONFIG, MONITORING_CONFIG = "batching.config", "monitoring.config"
MAX_BATCH_SIZE = 8
METRICS_PATH = "/monitoring/prometheus/metrics"

BATCHING_TEXT = f"""\
#
# Pictures of a batch go through the network one after the other, whatever their sizes, so that memory stays that of one.

# Pictures in a batch, and in the largest request: one of {MAX_BATCH_SIZE + 1} is refused. With more, small requests would wait
# longer for large ones. With less than a version's requests for warm-up hold (tfiqa export --warmup), it would not load.
max_batch_size {{ value: {MAX_BATCH_SIZE} }}

# Nobody waits for others to fill a batch: on CPUs it would not be faster for them.
batch_timeout_micros {{ value: 0 }}

# While the network of one batch uses all cores, another one decodes, which takes a single core. More would need more memory.
num_batch_threads {{ value: 2 }}

# So many batches wait in a queue; beyond, a request is refused at once (503, UNAVAILABLE) rather than answered too late.
max_enqueued_batches {{ value: 16 }}

# No allowed_batch_sizes: batches would be filled up with copies of a picture, and each copy costs what a picture does.
# No pad_variable_length_inputs: encoded pictures are single strings, whatever their size. Requests to `boxes` that are merged
# need the same number of boxes for each picture, and those to `image` the same height and width.
"""

MONITORING_TEXT = f"""\
prometheus_config {{
  enable: true
  path: "{METRICS_PATH}"
}}
"""
