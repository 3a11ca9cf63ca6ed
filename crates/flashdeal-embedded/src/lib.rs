//! Both ports in one SQLite file: the default, durable, no services.
