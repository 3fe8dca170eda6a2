/** The first half of the stories. */
import { crashTests } from "./crashing.ts";

crashTests(0);
