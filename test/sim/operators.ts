/** Operators and machines: what they do to the control plane and the runners, by the hour. */
import type { SimPlane } from "./plane.ts";
import type { Machine } from "./runner/machine.ts";
import type { Sim } from "./sim.ts";

export interface PlagueOptions {
  readonly sim: Sim;
  readonly plane: SimPlane;
  readonly machines: readonly Machine[];
  readonly state: { down: boolean };
  readonly onDown: () => void;
  readonly onUp: () => void;
}

export interface Plague {
  readonly restored: boolean;
  /** Somebody notices that it is dead. */
  startAgain(): void;
  /** Everything is switched on again. */
  heal(): void;
}

const MINUTE_MS = 60_000;
const LOOK_MS = 5 * MINUTE_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export function plague(options: PlagueOptions): Plague {
  const { sim, plane, machines, state, onDown, onUp } = options;
  const { time, random, faults } = sim;
  const backups: Buffer[] = [];
  let restored = false;
  let starting = false;

  const startAgain = (): void => {
    onDown();
    if (starting) return;
    starting = true;
    time.after(random.int(500, 10 * MINUTE_MS), () => {
      starting = false;
      void plane.start().then(onUp);
    });
  };

  const toPlane = (): void => {
    if (!plane.running) return;
    if (faults.draw("killed")) {
      plane.kill("by its operator");
      startAgain();
    } else if (faults.draw("terminated")) {
      onDown();
      void plane.terminate().then(startAgain);
    } else if (faults.draw("second control plane")) {
      void plane.startAnother().then(onUp);
    } else if (backups.length > 0 && faults.draw("old backup restored")) {
      restored = true;
      plane.restore(random.pick([backups[0], ...backups] as [Buffer, ...Buffer[]]));
      startAgain();
    } else if (faults.draw("disk full")) {
      plane.diskFull = true;
      onDown();
      time.after(random.int(MINUTE_MS, HOUR_MS), () => {
        plane.diskFull = false;
        onUp();
      });
    }
    if (faults.draw("clock jumps")) {
      plane.skewMs = random.int(-DAY_MS, DAY_MS);
      onUp();
    }
    if (faults.draw("github down")) {
      state.down = true;
      onDown();
      time.after(HOUR_MS, () => {
        state.down = false;
        onUp();
      });
    }
  };

  const toMachine = (machine: Machine): void => {
    if (faults.draw("daemon restarted")) machine.restartDaemon();
    if (faults.draw("host rebooted")) machine.reboot();
    if (faults.draw("host lost its disk")) machine.loseDisk();
    if (faults.draw("connection cut")) machine.cut();
    if (!machine.partitioned && faults.draw("runner partitioned")) {
      sim.trace.add("partitioned", { runner: machine.name });
      machine.partitioned = true;
      machine.cut();
      time.after(random.int(MINUTE_MS, 3 * HOUR_MS), () => {
        machine.partitioned = false;
      });
    }
  };

  const tick = (): void => {
    time.after(LOOK_MS, () => {
      toPlane();
      for (const machine of machines) toMachine(machine);
      tick();
    });
  };
  const save = (): void => {
    time.after(HOUR_MS, () => {
      if (plane.running) backups.push(plane.backup());
      if (backups.length > 6) backups.shift();
      save();
    });
  };
  tick();
  if (faults.kinds.includes("old backup restored")) save();

  return {
    get restored() {
      return restored;
    },
    startAgain,
    heal() {
      state.down = false;
      plane.diskFull = false;
      for (const machine of machines) machine.partitioned = false;
      if (!plane.running) startAgain();
      onUp();
    },
  };
}
