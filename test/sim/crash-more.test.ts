/** The second half of the stories. */
import { crashTests } from "./crashing.ts";

crashTests(1);
