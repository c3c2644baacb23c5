#pragma once

// What a scenario has to hold: counts, and ratios of two things measured in the same run. Never a plain time: that would judge
// the machine.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::load {

struct check {
    enum class relation : std::uint8_t { at_most, at_least };
    enum class kind : std::uint8_t {
        count,   // of several repeats the worst counts
        ratio,   // of several repeats the median
    };
    std::string what;         // goes on after the value: "origin requests for 1500"
    double value = 0;
    relation bound = relation::at_most;
    double limit = 0;
    kind of = kind::count;

    bool holds() const noexcept;   // not a number never does
};

// "1 origin request for 1500 (limit 1)": `one` in the plural unless it is one, then `rest`.
check count_at_most(std::uint64_t value, std::string_view one, std::string_view rest, std::uint64_t limit);
check count_at_least(std::uint64_t value, std::string_view one, std::string_view rest, std::uint64_t limit);
// "1.12 x the limit's CPU per hit (limit 1.20)".
check ratio_at_most(double value, std::string what, double limit);
check ratio_at_least(double value, std::string what, double limit);

std::string sentence_of(const check& c);

// One check out of the same check of each repeat. REQUIRES: at least one; all of the same kind and bound.
check merged(const std::vector<check>& repeats);

struct verdict {
    bool passed = true;
    std::string sentence;   // of the first check that does not hold, else of the first
};
verdict verdict_of(const std::vector<check>& checks);   // without any: not passed

double median(std::vector<double> values);   // of none: not a number

}  // namespace tiercel::load
