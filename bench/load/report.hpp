#pragma once

// Results as JSON. Everything that is shown elsewhere, on the terminal or in the page, is made from it.

#include "load/scenario.hpp"

#include <boost/json/object.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace tiercel::load {

struct scenario_result {
    const scenario* what = nullptr;
    settings with;
    std::vector<measurement> repeats;   // at least one
    std::string began;                  // date and time

    // What is judged: each check over all repeats.
    std::vector<check> checks() const;
};

boost::json::object report_of(const scenario_result& r, const boost::json::object& machine);

// Writes DIR/NAME.json, and DIR/index.html anew from all results that are there.
void write_report(const boost::json::object& report, const std::filesystem::path& directory);

// For the terminal: checks, figures, latencies, and last the verdict line.
std::string text_of(const boost::json::object& report);
bool has_passed(const boost::json::object& report);

}  // namespace tiercel::load
