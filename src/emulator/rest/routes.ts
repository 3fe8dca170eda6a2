/** All REST operations, the ones with greedy parameters last. */
import type { Route } from "../http/request.ts";
import { appRoutes } from "./app.ts";
import { checkRoutes } from "./checks.ts";
import { commentRoutes } from "./comments.ts";
import { contentRoutes } from "./contents.ts";
import { deliveryRoutes } from "./deliveries.ts";
import { issueRoutes } from "./issues.ts";
import { pullRoutes } from "./pulls.ts";
import { lastRepositoryRoutes, repositoryRoutes } from "./repositories.ts";
import { reviewRoutes } from "./reviews.ts";
import { userRoutes } from "./users.ts";

export const routes: readonly Route[] = [
  ...appRoutes,
  ...deliveryRoutes,
  ...userRoutes,
  ...commentRoutes,
  ...issueRoutes,
  ...reviewRoutes,
  ...pullRoutes,
  ...checkRoutes,
  ...contentRoutes,
  ...repositoryRoutes,
  ...lastRepositoryRoutes,
];
