/** The metrics of a proxy, as a scraper sees them. */

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What `/metrics` said at one moment. */
export class MetricsPage {
  readonly #samples: readonly Sample[];

  /** @param text in the Prometheus text format */
  constructor(text: string) {
    this.#samples = text.split("\n").flatMap((line) => {
      const match = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/i.exec(line);
      if (match === null) return [];
      const [, name = "", labels = "", value = ""] = match;
      return [
        {
          name,
          labels: Object.fromEntries(
            [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text]),
          ),
          value: Number(value),
        },
      ];
    });
  }

  /** Reads the page of the admin listener at `url`. */
  static async of(url: string): Promise<MetricsPage> {
    return new MetricsPage(await (await fetch(`${url}/metrics`)).text());
  }

  /** The sum of the samples called `name` that have these labels; 0 if there are none. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.#matching(name, labels).reduce((sum, sample) => sum + sample.value, 0);
  }

  /** The values of the samples called `name`, each by its value of `label`. */
  by(name: string, label: string): Record<string, number> {
    const values: Record<string, number> = {};
    for (const sample of this.#matching(name, {}))
      values[sample.labels[label] ?? ""] = (values[sample.labels[label] ?? ""] ?? 0) + sample.value;
    return values;
  }

  /** The endpoints of `upstream` that have a sample called `name`. */
  endpoints(name: string, upstream: string): string[] {
    return this.#matching(name, { upstream }).map(({ labels }) => labels["endpoint"] ?? "");
  }

  /** Every counter, by its name and labels: what may never go backwards. */
  get counters(): Map<string, number> {
    return new Map(
      this.#samples
        .filter(({ name }) => /_(total|count|bucket)$/.test(name))
        .map(({ name, labels, value }) => [`${name} ${JSON.stringify(labels)}`, value]),
    );
  }

  #matching(name: string, labels: Readonly<Record<string, string>>): Sample[] {
    return this.#samples.filter(
      (sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
    );
  }
}
