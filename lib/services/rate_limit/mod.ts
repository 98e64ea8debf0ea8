/**
 * Limits on how often something may be attempted.
 *
 * @module
 */
export {
  type Admission,
  admit,
  type AttemptLog,
  RateLimiter,
  type RateRule,
  tooMany,
} from "./rate_limiter.ts";
