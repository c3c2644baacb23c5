#pragma once

// "Did you mean …?": the nearest of a set of names.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace tiercel::config {

// Fewest insertions, deletions, replacements and swaps of neighbours that make `a` into `b` (optimal string alignment).
// Letter case and '-' for '_' count nothing.
std::size_t spelling_distance(std::string_view a, std::string_view b);

// The name nearest to `word`, empty if none is near enough to be meant: a third of its letters may differ.
std::string_view nearest_name(std::string_view word, std::span<const std::string_view> names);

}  // namespace tiercel::config
