//! Group commit: many callers, one round trip.
