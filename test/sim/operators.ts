/** Operators and machines: what they do to the control plane and the runners, by the hour. */
import { byHand, giveBack, goesOn, isAway, speak, take } from "./hands.ts";
import type { SimPlane } from "./plane.ts";
import { listed } from "./random.ts";
import type { Machine } from "./runner/machine.ts";
import type { Sim } from "./sim.ts";

export interface OperatorsOptions {
  readonly sim: Sim;
  readonly plane: SimPlane;
  readonly machines: readonly Machine[];
  readonly world: { down: boolean };
  /** The longest a dead control plane stays down, ms. */
  readonly downMaxMs: number;
}

const MINUTE_MS = 60_000;
const LOOK_MS = 5 * MINUTE_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const BACKUPS_KEPT = 6;

export class Operators {
  readonly #options: OperatorsOptions;
  readonly #backups: Buffer[] = [];
  #starting = false;
  /** An old backup has taken over. */
  restored = 0;
  /** Since when the control plane could work without a break; infinite = it cannot now. */
  upSince: number;

  constructor(options: OperatorsOptions) {
    this.#options = options;
    this.upSince = options.sim.time.now();
    this.#look();
    if (options.sim.faults.kinds.includes("old backup restored")) this.#save();
  }

  /** Somebody notices that it is dead. */
  startAgain(): void {
    const { sim, plane } = this.#options;
    if (this.#starting) return;
    this.#starting = true;
    this.upSince = Number.POSITIVE_INFINITY;
    sim.time.after(sim.random.int(500, this.#options.downMaxMs), () => {
      this.#starting = false;
      void plane.start().then(() => this.#up());
    });
  }

  restore(backup: Buffer): void {
    this.restored += 1;
    this.#options.plane.restore(backup);
    this.startAgain();
  }

  /** Everything is switched on again. */
  heal(): void {
    const { plane, machines, world } = this.#options;
    world.down = false;
    plane.diskFull = false;
    if (this.#options.sim.faults.kinds.includes("taken over")) this.#giveBack();
    for (const machine of machines) [machine.partitioned, machine.skewed] = [false, false];
    if (plane.running) this.#up();
    else this.startAgain();
  }

  #up(): void {
    this.upSince = this.#options.sim.time.now();
  }

  #look(): void {
    const { sim, plane, machines } = this.#options;
    sim.time.after(LOOK_MS, () => {
      if (plane.running) this.#toPlane();
      for (const machine of machines) this.#toMachine(machine);
      this.#look();
    });
  }

  #save(): void {
    const { sim, plane } = this.#options;
    sim.time.after(HOUR_MS, () => {
      if (plane.running) this.#backups.push(plane.backup());
      if (this.#backups.length > BACKUPS_KEPT) this.#backups.shift();
      this.#save();
    });
  }

  #toPlane(): void {
    const { sim, plane } = this.#options;
    const { faults, random } = sim;
    const backups = listed(this.#backups);
    if (faults.draw("killed")) plane.kill("by its operator");
    else if (faults.draw("terminated")) void plane.terminate();
    else if (faults.draw("second control plane")) void plane.startAnother().then(() => this.#up());
    else if (backups !== null && faults.draw("old backup restored"))
      this.restore(random.pick(backups));
    else if (faults.draw("disk full")) this.#fillDisk();
    if (faults.draw("clock jumps")) {
      plane.skewMs = random.int(-DAY_MS, DAY_MS);
      this.#up();
    }
    if (faults.draw("github down")) this.#loseGitHub();
    if (faults.draw("taken over")) this.#takeOver();
    if (faults.draw("machine sleeps")) this.#sleep();
  }

  /** Somebody wants to do it by hand, and has had enough after a while. */
  #takeOver(): void {
    const { sim, plane } = this.#options;
    const { random, time, trace } = sim;
    const name = String(time.now());
    trace.add("sessions are taken over by hand");
    byHand(plane, name, (...of) => goesOn(...of) && random.chance(0.4), take(random.chance(0.5)));
    byHand(plane, name, (...of) => goesOn(...of) && random.chance(0.2), speak);
    time.after(random.int(MINUTE_MS, 3 * HOUR_MS), () => byHand(plane, name, isAway, giveBack));
  }

  /** Whoever has one gives it back, until nobody has any: what is asked of a server that is down is not heard. */
  #giveBack(): void {
    const { sim, plane } = this.#options;
    byHand(plane, String(sim.time.now()), isAway, giveBack);
    sim.time.after(10 * MINUTE_MS, () => this.#giveBack());
  }

  /** A laptop that was closed. */
  #sleep(): void {
    const { sim, plane } = this.#options;
    const forMs = sim.random.int(MINUTE_MS, 8 * HOUR_MS);
    plane.sleep(forMs);
    this.upSince = Number.POSITIVE_INFINITY;
    sim.time.after(forMs, () => this.#up());
  }

  #fillDisk(): void {
    const { sim, plane } = this.#options;
    plane.diskFull = true;
    this.upSince = Number.POSITIVE_INFINITY;
    sim.time.after(sim.random.int(MINUTE_MS, HOUR_MS), () => {
      plane.diskFull = false;
      this.#up();
    });
  }

  #loseGitHub(): void {
    const { sim, world } = this.#options;
    world.down = true;
    this.upSince = Number.POSITIVE_INFINITY;
    sim.time.after(HOUR_MS, () => {
      world.down = false;
      this.#up();
    });
  }

  #toMachine(machine: Machine): void {
    const { faults, random, time, trace } = this.#options.sim;
    if (faults.draw("daemon restarted")) machine.restartDaemon();
    if (faults.draw("host rebooted")) machine.reboot();
    if (faults.draw("host lost its disk")) machine.loseDisk();
    if (faults.draw("connection cut")) machine.cut();
    if (faults.draw("version skew")) {
      machine.skewed = true;
      machine.restartDaemon();
      machine.cut();
      time.after(random.int(MINUTE_MS, 3 * HOUR_MS), () => {
        machine.skewed = false;
      });
    }
    if (machine.partitioned) return;
    const isLost = faults.draw("runner lost");
    if (!isLost && !faults.draw("runner partitioned")) return;
    trace.add("partitioned", { runner: machine.name });
    machine.partitioned = true;
    machine.cut();
    // Long enough to be lost, most of the time, and short enough to come back into the middle of what followed.
    const leastMs = isLost ? 9 * MINUTE_MS : MINUTE_MS;
    time.after(random.int(leastMs, isLost ? HOUR_MS : 3 * HOUR_MS), () => {
      machine.partitioned = false;
    });
  }
}
