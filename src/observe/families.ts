/**
 * Every metric family that Millrace exposes: name, type, unit, labels and meaning, in one place. Instruments are made
 * from these objects and `docs/reference/metrics.md` is generated from them, so a metric that is not here does not
 * exist. Label values come from the configuration or from closed sets (methods, status codes, reason codes), never from
 * a peer: cardinality stays bounded.
 */
import { cacheResults } from "../http/cache-result.ts";
import { counter, gauge, latency, type MetricFamily } from "./metric-family.ts";

/** The value of a label if there is nothing to name: no route matched, no upstream was involved. */
export const noLabelValue = "_none";

/** The registry. The order is the order of the exposition and of the reference. */
export const families = {
  requests: counter(
    "millrace_requests_total",
    ["listener", "route", "upstream", "method", "code"],
    "Exchanges that ended. `code` is the status sent to the client (499: it went away first); unknown methods are `OTHER`.",
  ),
  requestDuration: latency(
    "millrace_request_duration_seconds",
    ["listener", "route"],
    "Time from the first byte of the request head to the end of the answer. Tunnels (101) are not observed.",
  ),
  requestsInFlight: gauge("millrace_requests_in_flight", ["listener"], "Exchanges that have begun and not ended."),
  requestBytes: counter(
    "millrace_request_bytes_total",
    ["listener", "route"],
    "Request body bytes received from clients; of sessions of TCP listeners all bytes, once they have ended.",
    "bytes",
  ),
  responseBytes: counter(
    "millrace_response_bytes_total",
    ["listener", "route"],
    "Response body bytes sent to clients; of sessions of TCP listeners all bytes, once they have ended.",
    "bytes",
  ),
  rejected: counter(
    "millrace_rejected_total",
    ["listener", "reason"],
    "Requests refused because of the client, by reason code: malformed, too large, too slow, no route.",
  ),
  failures: counter(
    "millrace_failures_total",
    ["listener", "route", "upstream", "reason"],
    "Exchanges that ended otherwise than by a complete answer and not by refusal, by reason code: upstream faults, timeouts, internal errors, clients that went away.",
  ),
  cut: counter(
    "millrace_cut_total",
    ["kind"],
    "Exchanges (`exchange`) and tunnels (`tunnel`) that were ended because the time of a shutdown, or of a listener that a reload removed, was over.",
  ),
  connections: gauge("millrace_connections", ["listener"], "Open client connections."),
  connectionsAccepted: counter("millrace_connections_accepted_total", ["listener"], "Client connections accepted."),
  connectionsRefused: counter(
    "millrace_connections_refused_total",
    ["listener", "reason"],
    "Client connections closed before anything was asked; `reason` is `limit` (the listener's `limits.connections`) `descriptors` (this process has nearly as many open files as it may have), `reset` (the client had reset it before it was accepted, so that it has no address) or `proxy-header` (a load balancer in `proxyProtocol.trusted` sent no usable PROXY header in time).",
  ),
  tlsHandshakes: counter(
    "millrace_tls_handshakes_total",
    ["listener", "version", "result"],
    "TLS handshakes with clients that ended. `version` is `1.2` or `1.3`, and `_none` if it failed; `result` is `full`, `resumed`, or why it failed: `unknown-name`, `no-certificate`, `no-shared-version`, `no-shared-cipher`, `no-shared-protocol`, `client-certificate`, `certificate-refused`, `refused-by-client`, `plain-http`, `malformed`, `timeout`, `client-gone`, `too-many`, `other`.",
  ),
  tlsFloods: counter(
    "millrace_tls_floods_total",
    ["listener"],
    "Client connections that were ended because much came over TLS that carried no data: changes of keys, empty records.",
  ),
  tunnels: gauge(
    "millrace_tunnels_open",
    ["route", "upstream"],
    "Open tunnels (WebSocket), and sessions of TCP listeners that have an endpoint.",
  ),
  sessions: counter(
    "millrace_sessions_total",
    ["listener", "route", "upstream", "result"],
    "Sessions of TCP listeners that ended; `result` is `completed`, or the reason code.",
  ),
  upstreamTlsHandshakes: counter(
    "millrace_upstream_tls_handshakes_total",
    ["upstream", "version", "result"],
    "TLS handshakes with endpoints that ended. `version` is `1.2` or `1.3`, and `_none` if it failed; `result` is `full`, `resumed`, or why it failed: `untrusted`, `expired`, `wrong-name`, `refused` (our certificate), `protocol`, `given-up` (too slow, or nobody waits for it).",
  ),
  upstreamTlsFloods: counter(
    "millrace_upstream_tls_floods_total",
    ["upstream"],
    "Connections to endpoints that were ended because much came over TLS that carried no data.",
  ),
  upstreamRequests: counter(
    "millrace_upstream_requests_total",
    ["upstream", "endpoint", "code"],
    "Attempts that ended. `code` is the endpoint's status, or the reason code if there was no complete answer.",
  ),
  upstreamDuration: latency(
    "millrace_upstream_duration_seconds",
    ["upstream", "endpoint"],
    "Time from the choice of an endpoint to the first byte of its answer, connecting included.",
  ),
  retries: counter(
    "millrace_retries_total",
    ["upstream", "reason"],
    "Attempts that were followed by another attempt, by the reason of their failure: a reason code, or the endpoint's status.",
  ),
  retriesRefused: counter(
    "millrace_retries_refused_total",
    ["upstream"],
    "Failed attempts that were not followed by another because the retry budget was used up.",
  ),
  hedges: counter(
    "millrace_hedges_total",
    ["upstream", "result"],
    "Second attempts beside a slow first one; `result` is `won` (its answer was taken), `lost` or `failed`.",
  ),
  endpointUp: gauge(
    "millrace_endpoint_up",
    ["upstream", "endpoint"],
    "1 while the endpoint takes new traffic, else 0. If it is 0 for all, those that are only ejected are used all the same.",
  ),
  endpointEjected: gauge(
    "millrace_endpoint_ejected",
    ["upstream", "endpoint"],
    "1 while the endpoint is ejected by outlier detection, else 0.",
  ),
  ejections: counter("millrace_ejections_total", ["upstream", "endpoint"], "Ejections by outlier detection."),
  panic: gauge(
    "millrace_upstream_panic",
    ["upstream"],
    "1 while so few endpoints pass their checks that all that answer are used, else 0.",
  ),
  endpointStarting: gauge(
    "millrace_endpoint_starting",
    ["upstream", "endpoint"],
    "1 while the endpoint starts slowly, else 0. Only for upstreams with `slowStart`.",
  ),
  endpointLatency: gauge(
    "millrace_endpoint_expected_latency_seconds",
    ["upstream", "endpoint"],
    "How long the endpoint is expected to take to the first byte. Only for upstreams that `peak-ewma` balances.",
    "seconds",
  ),
  stickyRequests: counter(
    "millrace_sticky_requests_total",
    ["upstream", "result"],
    "Answers of upstreams with sticky cookies; `result` is `kept` (the client's cookie named the endpoint), `assigned` (it had none) or `moved` (its endpoint was gone or could not serve).",
  ),
  breakerState: gauge(
    "millrace_breaker_state",
    ["upstream"],
    "The circuit breaker: 0 closed, 1 open, 2 half-open. Only if one is configured.",
  ),
  breakerMoves: counter(
    "millrace_breaker_moves_total",
    ["upstream", "to"],
    "How often the circuit breaker became `open`, `half-open` and `closed`.",
  ),
  pending: gauge(
    "millrace_upstream_pending",
    ["upstream"],
    "Requests that wait because the limits of the upstream are reached. Only if there are limits.",
  ),
  adaptiveLimit: gauge(
    "millrace_upstream_adaptive_limit",
    ["upstream"],
    "How many requests the adaptive limit allows at a time, all threads together.",
  ),
  endpointInFlight: gauge(
    "millrace_endpoint_in_flight",
    ["upstream", "endpoint"],
    "Attempts in flight at an endpoint, over all threads.",
  ),
  endpointDraining: gauge(
    "millrace_endpoint_draining",
    ["upstream", "endpoint"],
    "1 while the endpoint is drained by an operator, else 0.",
  ),
  endpointWeight: gauge(
    "millrace_endpoint_weight",
    ["upstream", "endpoint"],
    "The endpoint's weight in force: what was set at run time, else what is configured.",
  ),
  healthChecks: counter(
    "millrace_health_checks_total",
    ["upstream", "endpoint", "result"],
    "Active health checks that ended; `result` is `success` or `failure`.",
  ),
  discoveryUp: gauge(
    "millrace_discovery_up",
    ["upstream", "kind"],
    "1 while the source of an upstream's endpoints answers, 0 while it cannot be asked and its last list is used.",
  ),
  discoveryAge: gauge(
    "millrace_discovery_last_success_age_seconds",
    ["upstream", "kind"],
    "How long ago the source said what is used now. Absent if it never did.",
    "seconds",
  ),
  discoveryEndpoints: gauge(
    "millrace_discovery_endpoints",
    ["upstream", "kind"],
    "How many endpoints the source gives, those among them that are held back.",
  ),
  discoveryHeld: gauge(
    "millrace_discovery_held_endpoints",
    ["upstream", "kind"],
    "How many endpoints are kept for now although the source no longer has them, because too few would be left.",
  ),
  discoveryRefused: gauge(
    "millrace_discovery_refused_records",
    ["upstream", "kind"],
    "How many records of the source's last answer are no usable endpoint.",
  ),
  discoveryUpdates: counter(
    "millrace_discovery_updates_total",
    ["upstream", "kind", "result"],
    "What the source was heard to say; `result` is `changed`, `unchanged`, `failed` (it could not be asked, or said nothing usable) or `held` (too few endpoints to be believed at once).",
  ),
  nameLookups: counter(
    "millrace_name_lookups_total",
    ["result"],
    "Look-ups of the names of endpoints and stores that ended; `result` is `success` or `failure` (also if the last good addresses serve on).",
  ),
  cacheRequests: counter(
    "millrace_cache_requests_total",
    ["route", "result"],
    `Requests that came to a \`cache\`; \`result\` is ${Object.entries(cacheResults)
      .map(([result, meaning]) => `\`${result}\` (${meaning})`)
      .join(", ")}.`,
  ),
  cachePurges: counter(
    "millrace_cache_purges_total",
    ["kind"],
    "Purges of stored answers that were asked for; `kind` is `url`, `prefix`, `tag` or `all`.",
  ),
  rateLimited: counter(
    "millrace_rate_limited_total",
    ["route", "mode"],
    "Requests beyond a rate limit; `mode` is `enforced` (answered 429) or `dry-run` (passed on).",
  ),
  storeDecisions: counter(
    "millrace_store_decisions_total",
    ["store", "result"],
    "Questions to a store; `result` is `ok`, `timeout`, `error`, or `skipped` if it was not asked because it had not answered.",
  ),
  cacheStoredAnswers: gauge(
    "millrace_cache_stored_answers",
    ["store"],
    "Answers in a store of the cache, if the store counts them.",
  ),
  cacheStoredBytes: gauge(
    "millrace_cache_stored_bytes",
    ["store"],
    "What is taken of a store of the cache, with everything that belongs to answers, also of those that are being written.",
    "bytes",
  ),
  cacheEvictions: counter(
    "millrace_cache_evictions_total",
    ["store"],
    "Answers that had to give way to others although they might have been used.",
  ),
  cacheStoreErrors: counter(
    "millrace_cache_store_errors_total",
    ["store", "result"],
    "What a cache asked its store in vain; `result` is `timeout`, `error`, `refused` (the store answers, but has no room or may not write), `skipped` if it was not asked because it had not answered, or `torn` if what it gave is not what was stored.",
  ),
  buffered: counter(
    "millrace_buffered_requests_total",
    ["route", "place"],
    "Request bodies that were read before an endpoint was chosen; `place` is `memory` or `file`.",
  ),
  compressedAnswers: counter(
    "millrace_compressed_answers_total",
    ["route", "coding"],
    "Answers that were compressed, whole or until they broke off.",
  ),
  compressInputBytes: counter(
    "millrace_compress_input_bytes_total",
    ["route", "coding"],
    "Bytes of bodies before they were compressed.",
    "bytes",
  ),
  compressOutputBytes: counter(
    "millrace_compress_output_bytes_total",
    ["route", "coding"],
    "The same bytes after that: what clients were sent.",
    "bytes",
  ),
  compressSkipped: counter(
    "millrace_compress_skipped_total",
    ["route"],
    "Answers that were sent as they were because `maxEncoders` were at work.",
  ),
  decompressedAnswers: counter(
    "millrace_decompressed_answers_total",
    ["route", "coding"],
    "Answers that were decoded for clients that cannot, whole or until they broke off.",
  ),
  faults: counter(
    "millrace_faults_injected_total",
    ["route", "kind"],
    "Faults injected on purpose; `kind` is `delay`, `abort` or `bandwidth`.",
  ),
  shed: counter("millrace_shed_total", ["route"], "Requests refused because the event loop was late."),
  configReloads: counter(
    "millrace_config_reloads_total",
    ["result"],
    "Configuration reloads; `result` is `success` or `failure`.",
  ),
  configLastReloadSuccess: gauge(
    "millrace_config_last_reload_success",
    [],
    "1 when the last reload was applied, else 0.",
  ),
  configLastReloadTime: gauge(
    "millrace_config_last_reload_timestamp_seconds",
    [],
    "When a configuration was last applied, in Unix time.",
    "seconds",
  ),
  configStoreUp: gauge(
    "millrace_config_store_up",
    [],
    "1 while the store of the configuration answers, else 0. Only if the configuration is in a store, as all of `millrace_config_store_`.",
  ),
  configStoreAge: gauge(
    "millrace_config_store_age_seconds",
    [],
    "Time since the store of the configuration was last heard.",
    "seconds",
  ),
  configStoreRefused: gauge(
    "millrace_config_store_refused",
    [],
    "1 while the store holds a configuration that was refused, so that another one runs, else 0.",
  ),
  configStoreMissing: gauge(
    "millrace_config_store_missing",
    [],
    "1 while the store answers that there is no such key, so that what ran stays, else 0.",
  ),
  configStoreCopy: gauge(
    "millrace_config_store_copy",
    [],
    "1 while the copy on the disk runs, because the store has given nothing usable since the start, else 0.",
  ),
  acmeOrders: counter(
    "millrace_acme_orders_total",
    ["listener", "result"],
    "Certificates ordered by ACME; `result` is `issued`, `renewed` or `failed`.",
  ),
  acmeFailing: gauge(
    "millrace_acme_failing",
    ["listener"],
    "Certificates whose last order failed; those that are there are kept meanwhile.",
  ),
  certificateExpiry: gauge(
    "millrace_certificate_expiry_seconds",
    ["listener", "name", "key"],
    "Time until a certificate of a listener expires, negative when it has; `name` is the first of its names, `key` the kind of its key.",
    "seconds",
  ),
  eventLoopLag: gauge(
    "millrace_event_loop_lag_seconds",
    ["worker"],
    "99th percentile of the event-loop delay of a thread in the last interval.",
    "seconds",
  ),
  eventLoopUtilization: gauge(
    "millrace_event_loop_utilization",
    ["worker"],
    "Share of the last interval in which a thread's event loop was busy, 0 to 1.",
  ),
  threads: gauge("millrace_proxy_threads", [], "Proxy threads that are running."),
  threadRestarts: counter("millrace_proxy_thread_restarts_total", [], "Proxy threads that died and were replaced."),
  logLinesLost: counter(
    "millrace_log_lines_lost_total",
    ["log"],
    "Lines lost because their destination was too slow or failing; `log` is `access` or `application` (standard error, statistics included).",
  ),
  accessLogDropped: counter(
    "millrace_access_log_dropped_total",
    [],
    "The same as `millrace_log_lines_lost_total` for the access log, under its earlier name.",
  ),
  internalErrors: counter(
    "millrace_internal_errors_total",
    [],
    "Bugs of the proxy's own that ended a connection. Report them.",
  ),
  seriesDropped: counter(
    "millrace_metric_series_dropped_total",
    [],
    "Series folded into `_overflow` because a thread reached its limit of series.",
  ),
  buildInfo: gauge("millrace_build_info", ["version", "node"], "Always 1; the labels tell what is running."),
  processCpu: counter("process_cpu_seconds_total", [], "CPU time used by the process, user and system.", "seconds"),
  processStart: gauge("process_start_time_seconds", [], "When the process started, in Unix time.", "seconds"),
  processResidentMemory: gauge("process_resident_memory_bytes", [], "Resident memory.", "bytes"),
  processOpenFds: gauge("process_open_fds", [], "Open file descriptors. Linux only."),
  processMaxFds: gauge("process_max_fds", [], "Limit of open file descriptors. Linux only."),
  heapUsed: gauge("nodejs_heap_size_used_bytes", [], "Heap in use in the control thread.", "bytes"),
  heapTotal: gauge("nodejs_heap_size_total_bytes", [], "Heap reserved by the control thread.", "bytes"),
  externalMemory: gauge(
    "nodejs_external_memory_bytes",
    [],
    "Memory outside the heap that belongs to the control thread's objects, shared memory included.",
    "bytes",
  ),
} as const satisfies Record<string, MetricFamily>;

/** All families in exposition order. */
export const allFamilies: readonly MetricFamily[] = Object.values(families);
