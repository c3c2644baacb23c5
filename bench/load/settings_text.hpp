#pragma once

// The settings of a run as options of the command line: one row per option.

#include "load/scenario.hpp"

#include <span>
#include <string>
#include <string_view>

namespace tiercel::load {

struct option_row {
    std::string_view name;
    std::string_view type;   // as shown in the help; empty: a flag
    std::string_view text;
    void (*set)(settings& s, const std::string& value);   // throws std::invalid_argument with what is wrong
    std::string (*show)(const settings& s);
};

std::span<const option_row> option_rows();
const option_row& option_named(std::string_view name);   // REQUIRES: it exists

// "250ms", "10s", "5m". Throws std::invalid_argument.
milliseconds parse_time(const std::string& text);
std::string show_time(milliseconds t);

}  // namespace tiercel::load
