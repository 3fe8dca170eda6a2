/**
 * Metrics, made with OpenTelemetry's instruments and told in Prometheus' text. Values of labels come from closed sets
 * of ours: no repository, issue, person or text is ever in one.
 */
import type { Attributes, Meter } from "@opentelemetry/api";
import { PrometheusExporter, PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Clock } from "../engine/ports.ts";
import type { Depth, Reading, Stats } from "../store/port.ts";

export interface MetricsOptions {
  readonly store: Pick<Reading, "stats">;
  readonly clock: Pick<Clock, "now">;
  /** Ms from anywhere; never jumps. */
  readonly elapsed: () => number;
  /** Runners' links by state. */
  readonly links: () => readonly { readonly state: string }[];
  /** Room on runners' disks. */
  readonly floor?: {
    below(): { readonly size: number };
    /** Bytes; null = nobody has said. */
    least(): number | null;
  };
}

export interface Metrics extends AsyncDisposable {
  /** A webhook came in and was answered. */
  delivery(status: number): void;
  /** An effect was tried; outcome as in `EffectOutcome`. */
  effect(kind: string, outcome: string): void;
  /** A request to GitHub was answered; status 0 = it was not. */
  call(method: string, status: number): void;
  /** The record of this attempt waits for its runner, or waits no more. */
  attach(attempt: string, waits: boolean): void;
  /** GitHub's own word on what is left of the hour. */
  remaining(resource: string, count: number): void;
  /** Everything as Prometheus reads it. */
  text(): Promise<string>;
}

const NANOSECONDS = 1e9;

export function openMetrics(options: MetricsOptions): Metrics {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const provider = new MeterProvider({ readers: [exporter] });
  const meter = provider.getMeter("orcha");
  const serializer = new PrometheusSerializer();
  const lag = monitorEventLoopDelay({ resolution: 20 });
  lag.enable();
  const left = new Map<string, number>();
  const waiting = new Map<string, number>();
  observeStore(meter, options);
  observe(meter, "orcha_github_remaining", "Requests left, as GitHub last said", () =>
    [...left].map(([resource, count]) => [count, { resource }]),
  );
  observe(meter, "orcha_links", "Connections to runners by state", () =>
    countBy(options.links().map(({ state }) => state)).map(([state, n]) => [n, { state }]),
  );
  observe(meter, "orcha_runners_below_disk_floor", "Runners with too little room", () => [
    [options.floor?.below().size ?? 0, {}],
  ]);
  observe(meter, "orcha_runner_disk_free_bytes_min", "Least room on a runner's disk", () => {
    const least = options.floor?.least() ?? null;
    return least === null ? [] : [[least, {}]];
  });
  observe(meter, "orcha_attach_waiting", "Records of attempts that wait for their runner", () => [
    [waiting.size, {}],
  ]);
  observe(meter, "orcha_attach_lag_seconds", "How long the longest of them has waited", () => {
    const since = Math.min(...waiting.values());
    return [[waiting.size === 0 ? 0 : (options.elapsed() - since) / 1000, {}]];
  });
  observe(meter, "orcha_loop_lag_seconds", "How late the event loop was, 99th percentile", () => {
    const seconds = lag.percentile(99) / NANOSECONDS;
    lag.reset();
    return [[Number.isFinite(seconds) ? seconds : 0, {}]];
  });
  const deliveries = meter.createCounter("orcha_deliveries", {
    description: "Webhooks by the status they were answered with",
  });
  const effects = meter.createCounter("orcha_effects", {
    description: "Tries of effects by kind and outcome",
  });
  const calls = meter.createCounter("orcha_github_calls", {
    description: "Requests to GitHub by method and class of the answer",
  });
  return {
    delivery: (status) => deliveries.add(1, { status: String(status) }),
    effect: (kind, outcome) => effects.add(1, { kind, outcome }),
    call: (method, status) => calls.add(1, { method, answer: answerOf(status) }),
    attach(attempt, waits) {
      if (!waits) waiting.delete(attempt);
      else if (!waiting.has(attempt)) waiting.set(attempt, options.elapsed());
    },
    remaining(resource, count) {
      if (left.size < RESOURCES_MAX || left.has(resource)) left.set(resource, count);
    },
    async text() {
      const { resourceMetrics } = await exporter.collect();
      return serializer.serialize(resourceMetrics);
    },
    async [Symbol.asyncDispose]() {
      lag.disable();
      await provider.shutdown();
    },
  };
}

/** GitHub names a handful; what it invents beyond is not shown. */
const RESOURCES_MAX = 20;

const answerOf = (status: number): string =>
  status === 0 ? "none" : `${Math.floor(status / 100)}xx`;

type Value = readonly [number, Attributes];

function observe(meter: Meter, name: string, description: string, read: () => readonly Value[]) {
  meter.createObservableGauge(name, { description }).addCallback((result) => {
    for (const [value, attributes] of read()) result.observe(value, attributes);
  });
}

/** One look at the store per scrape serves all of its gauges. */
function observeStore(meter: Meter, { store, clock }: MetricsOptions): void {
  const gauges = GAUGES.map(({ name, description, read }) => ({
    gauge: meter.createObservableGauge(name, { description }),
    read,
  }));
  meter.addBatchObservableCallback(
    async (result) => {
      const stats = await store.stats();
      for (const { gauge, read } of gauges)
        for (const [value, attributes] of read(stats, clock.now()))
          result.observe(gauge, value, attributes);
    },
    gauges.map(({ gauge }) => gauge),
  );
}

interface Gauge {
  readonly name: string;
  readonly description: string;
  readonly read: (stats: Stats, now: number) => readonly Value[];
}

const queues = ({ inbox, outbox, deliveries }: Stats): readonly (readonly [string, Depth])[] => [
  ["delivery", deliveries.pending],
  ["inbox", inbox.pending],
  ["outbox", outbox.pending],
];

const ageOf = (oldest: number | null, now: number): number =>
  oldest === null ? 0 : Math.max(0, now - oldest) / 1000;

const GAUGES: readonly Gauge[] = [
  {
    name: "orcha_queue_depth",
    description: "Rows that wait, by queue",
    read: (stats) => queues(stats).map(([queue, { rows }]) => [rows, { queue }]),
  },
  {
    name: "orcha_queue_age_seconds",
    description: "Age of the oldest row that waits, by queue",
    read: (stats, now) =>
      queues(stats).map(([queue, { oldest }]) => [ageOf(oldest, now), { queue }]),
  },
  {
    name: "orcha_dead_letters",
    description: "What was given up, by queue (orcha dead)",
    read: ({ inbox, outbox }) => [
      [inbox.dead, { queue: "inbox" }],
      [outbox.dead, { queue: "outbox" }],
    ],
  },
  {
    name: "orcha_sessions",
    description: "Sessions of live objectives, by state",
    read: ({ sessions }) => [...sessions].map(([state, count]) => [count, { state }]),
  },
  {
    name: "orcha_slots",
    description: "Slots of runners that are online",
    read: ({ slots }) => [
      [slots.taken, { use: "taken" }],
      [slots.total - slots.taken, { use: "free" }],
    ],
  },
];

const countBy = (values: readonly string[]): readonly (readonly [string, number])[] =>
  [...new Set(values)].map((value) => [value, values.filter((one) => one === value).length]);
