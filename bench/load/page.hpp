#pragma once

#include <boost/json/object.hpp>

#include <string>
#include <vector>

namespace tiercel::load {

// One self-contained page over these reports: no script, no style and no picture from anywhere else.
std::string page_of(const std::vector<boost::json::object>& reports);

// A plot of a report as an SVG element.
std::string svg_of(const boost::json::object& plot);

std::string escaped(std::string_view text);   // for HTML

}  // namespace tiercel::load
