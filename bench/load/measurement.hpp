#pragma once

// What one repeat of a scenario brings home.

#include "load/client.hpp"
#include "load/histogram.hpp"
#include "load/verdict.hpp"

#include <string>
#include <utility>
#include <vector>

namespace tiercel::load {

// A number for the reader; not judged.
struct figure {
    std::string name;
    double value = 0;
    std::string unit;
};

struct distribution {
    std::string name;
    histogram times;   // nanoseconds
};

struct plot_series {
    std::string name;
    std::vector<std::pair<double, double>> points;
};

struct plot {
    enum class shape : std::uint8_t {
        line,
        steps,        // each value holds until the next x
        bars,         // x is ignored; one bar per series
        percentiles,  // x is a share below 1, drawn by its distance from 1: 0.9, 0.99, 0.999 …
    };
    shape drawn = shape::line;
    std::string title;
    std::string x_label;
    std::string y_label;
    bool log_y = false;
    std::vector<plot_series> series;
};

struct measurement {
    std::vector<check> checks;
    std::vector<figure> figures;
    std::vector<distribution> latencies;
    std::vector<plot> plots;
    std::uint64_t requests = 0;          // recorded ones
    histogram own_delay;                 // of the load generator

    // Adds what every load run has: latencies under that name, counts by source, the generator's delay.
    void add_run(const std::string& name, const load_result& r);
};

plot percentile_plot(std::string title, const std::vector<distribution>& of);
// Answers per second by who gave them, over the time at which they were due.
plot answers_over_time(std::string title, const std::vector<answer_record>& records, nanoseconds slot);
// Median, 99th percentile and slowest answer over that time.
plot latency_over_time(std::string title, const std::vector<answer_record>& records, nanoseconds slot);

// ---- questions to records ----
template <class Predicate>
std::uint64_t count_of(const std::vector<answer_record>& records, Predicate p)
{
    std::uint64_t n = 0;
    for (const answer_record& r : records) { n += p(r) ? 1 : 0; }
    return n;
}
histogram latencies_between(const std::vector<answer_record>& records, nanoseconds from, nanoseconds to);   // due in [from, to)
double share_ok_between(const std::vector<answer_record>& records, nanoseconds from, nanoseconds to);       // not a number when none

}  // namespace tiercel::load
