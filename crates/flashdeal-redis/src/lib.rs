//! ReservationLedger and the shared rate limit on Redis.
