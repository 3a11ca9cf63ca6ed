//! What the process takes of the machine, under the names that every Prometheus client gives it. Linux tells; elsewhere there is
//! nothing to show.

use std::fmt::Write;
use std::fs;

/// Appends what `/proc` says to Prometheus text. It is read when somebody asks, a dozen short files at most.
pub(crate) fn render(text: &mut String) {
    let read = |file: &str| fs::read_to_string(format!("/proc/{file}")).unwrap_or_default();
    let open = fs::read_dir("/proc/self/fd").map(|files| files.count().saturating_sub(1)).ok();
    let seen = Seen {
        stat: &read("self/stat"),
        status: &read("self/status"),
        limits: &read("self/limits"),
        system: &read("stat"),
        open,
    };
    seen.render(text);
}

/// The files, as read.
struct Seen<'a> {
    stat: &'a str,
    status: &'a str,
    limits: &'a str,
    system: &'a str,
    open: Option<usize>,
}

/// What the kernel counts time in, in `/proc`, on every architecture that Rust has.
const TICKS_A_SECOND: f64 = 100.0;

impl Seen<'_> {
    fn render(&self, text: &mut String) {
        let rows = [
            ("cpu_seconds_total", "counter", "User and system time spent.", self.cpu_seconds()),
            ("resident_memory_bytes", "gauge", "Memory that is in RAM.", self.resident_bytes()),
            ("threads", "gauge", "Threads.", number(self.status_of("Threads:"))),
            (
                "open_fds",
                "gauge",
                "Open files and connections.",
                number(self.open.map(|count| count.to_string()).as_deref()),
            ),
            ("max_fds", "gauge", "How many of them there may be.", number(self.limit_of("Max open files"))),
            ("start_time_seconds", "gauge", "When it started, in seconds since 1970.", self.started()),
        ];
        for (name, kind, meaning, value) in rows {
            if let Some(value) = value {
                // Writing into a string cannot fail.
                let _ = write!(
                    text,
                    "# HELP process_{name} {meaning}\n# TYPE process_{name} {kind}\nprocess_{name} {value}\n\n"
                );
            }
        }
    }

    /// A field of `/proc/self/stat`, by its number in proc(5); the name before them may have spaces and parentheses.
    fn field(&self, number_in_manual: usize) -> Option<f64> {
        let (_, rest) = self.stat.rsplit_once(") ")?;
        number(rest.split(' ').nth(number_in_manual.checked_sub(3)?))
    }

    fn cpu_seconds(&self) -> Option<f64> {
        Some((self.field(14)? + self.field(15)?) / TICKS_A_SECOND)
    }

    fn started(&self) -> Option<f64> {
        let boot = self.system.lines().find_map(|line| line.strip_prefix("btime "));
        Some(number(boot)? + self.field(22)? / TICKS_A_SECOND)
    }

    fn resident_bytes(&self) -> Option<f64> {
        Some(number(self.status_of("VmRSS:"))? * 1024.0)
    }

    fn status_of(&self, name: &str) -> Option<&str> {
        let line = self.status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()
    }

    /// The soft limit; `None` if there is none.
    fn limit_of(&self, name: &str) -> Option<&str> {
        let line = self.limits.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()
    }
}

fn number(text: Option<&str>) -> Option<f64> {
    text?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_read_as_the_manual_says() {
        let seen = Seen {
            stat: "7 (a ) name) S 1 7 7 0 -1 4194560 900 0 3 0 150 50 0 0 20 0 9 0 2500 99 88\n",
            status: "Name:\tflashdeal\nVmRSS:\t   2048 kB\nThreads:\t9\n",
            limits: "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 4096                 files\n",
            system: "cpu 1 2 3\nbtime 1795000000\n",
            open: Some(12),
        };
        let mut text = String::new();
        seen.render(&mut text);
        for line in [
            "process_cpu_seconds_total 2",
            "process_resident_memory_bytes 2097152",
            "process_threads 9",
            "process_open_fds 12",
            "process_max_fds 1024",
            "process_start_time_seconds 1795000025",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} is not in:\n{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_shown() {
        let mut text = String::new();
        Seen { stat: "", status: "VmRSS:", limits: "Max open files unlimited", system: "", open: None }
            .render(&mut text);
        assert_eq!(text, "");
    }
}
